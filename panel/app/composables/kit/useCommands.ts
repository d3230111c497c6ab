/** What the command palette can do beside going somewhere. */
import type { CommandPaletteItem } from '@nuxt/ui'

export function useCommands() {
  const { t, locale } = useI18n()
  const { $chooseLanguage } = useNuxtApp()
  const mode = useColorMode()
  const session = useSession()

  const offered = [
    { label: 'instances.new.title', icon: 'i-lucide-plus', page: '/instances/new', may: () => session.can('operator'), kbds: ['c'] },
    { label: 'templates.upload.title', icon: 'i-lucide-upload', page: '/templates?upload=1', may: () => session.canEverywhere('operator'), kbds: [] },
    { label: 'nodes.join.title', icon: 'i-lucide-server', page: '/nodes?join=1', may: () => session.canEverywhere('admin'), kbds: [] },
  ]

  return computed<CommandPaletteItem[]>(() => [
    ...offered.filter(each => each.may()).map(each => ({ ...each, label: t(each.label), onSelect: () => void navigateTo(each.page) })),
    {
      label: mode.value === 'dark' ? t('search.light') : t('search.dark'),
      icon: mode.value === 'dark' ? 'i-lucide-sun' : 'i-lucide-moon',
      onSelect: () => {
        mode.preference = mode.value === 'dark' ? 'light' : 'dark'
      },
    },
    {
      label: locale.value === 'de' ? 'Switch to English' : 'Auf Deutsch umstellen',
      icon: 'i-lucide-languages',
      onSelect: () => void $chooseLanguage(locale.value === 'de' ? 'en' : 'de'),
    },
  ])
}
