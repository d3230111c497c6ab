/** What the command palette can do beside going somewhere. */
import type { CommandPaletteItem } from '@nuxt/ui'

export function useCommands() {
  const { t, locale } = useI18n()
  const { $chooseLanguage } = useNuxtApp()
  const mode = useColorMode()
  const session = useSession()

  return computed<CommandPaletteItem[]>(() => [
    ...(session.can('operator')
      ? [
          { label: t('instances.new.title'), icon: 'i-lucide-plus', onSelect: () => void navigateTo('/instances/new'), kbds: ['c'] },
          { label: t('templates.upload.title'), icon: 'i-lucide-upload', onSelect: () => void navigateTo('/templates?upload=1') },
          { label: t('nodes.join.title'), icon: 'i-lucide-server', onSelect: () => void navigateTo('/nodes?join=1') },
        ]
      : []),
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
