/** Where one can go: the sidebar's links and the command palette. What a role may not see is not offered. */
import type { CommandPaletteGroup, CommandPaletteItem, NavigationMenuItem } from '@nuxt/ui'
import type { Role } from '~/api'

interface Place {
  key: string
  icon: string
  to: string
  least?: Role
  /** Nothing for those who are limited to regions and tags. */
  everything?: boolean
}

/** In groups, as the sidebar shows them. */
export const PLACES: Place[][] = [
  [
    { key: 'dashboard', icon: 'i-lucide-layout-dashboard', to: '/' },
    { key: 'instances', icon: 'i-lucide-gamepad-2', to: '/instances' },
    { key: 'nodes', icon: 'i-lucide-server', to: '/nodes' },
    { key: 'templates', icon: 'i-lucide-layers', to: '/templates' },
  ],
  [
    { key: 'crashes', icon: 'i-lucide-bomb', to: '/crashes' },
    { key: 'events', icon: 'i-lucide-activity', to: '/events' },
    { key: 'doctor', icon: 'i-lucide-stethoscope', to: '/doctor', least: 'operator', everything: true },
  ],
  [
    { key: 'brains', icon: 'i-lucide-brain', to: '/brains', everything: true },
    { key: 'backups', icon: 'i-lucide-archive', to: '/backups', least: 'admin', everything: true },
    { key: 'authority', icon: 'i-lucide-shield-check', to: '/authority', least: 'admin', everything: true },
    { key: 'audit', icon: 'i-lucide-scroll-text', to: '/audit', least: 'admin', everything: true },
    { key: 'users', icon: 'i-lucide-users', to: '/users', least: 'admin', everything: true },
  ],
  [{ key: 'settings', icon: 'i-lucide-settings', to: '/settings' }],
]

export function useNavigation(searching: Ref<boolean>) {
  const { t } = useI18n()
  const session = useSession()
  const instances = useInstances()
  const nodes = useNodes()
  const templates = useTemplates()
  const commands = useCommands()

  const open = (place: Place) => (place.everything ? session.canEverywhere : session.can)(place.least ?? 'viewer')
  const places = computed(() => PLACES.map(group => group.filter(open)).filter(group => group.length))

  const links = computed<NavigationMenuItem[][]>(() => places.value.map(group => group.map(place => ({
    label: t(`nav.${place.key}`),
    icon: place.icon,
    to: place.to,
    exact: place.to === '/',
  }))))

  /** Made only while somebody searches: thousands of entries would otherwise be made anew with every change. */
  const groups = computed<CommandPaletteGroup<CommandPaletteItem>[]>(() => !searching.value
    ? []
    : [
        {
          id: 'places',
          label: t('search.places'),
          items: places.value.flat().map(place => ({ label: t(`nav.${place.key}`), icon: place.icon, onSelect: () => void navigateTo(place.to) })),
        },
        { id: 'commands', label: t('search.commands'), items: commands.value },
        {
          id: 'instances',
          label: t('nav.instances'),
          items: instances.rows.value.map(each => ({
            label: each.name,
            suffix: t(`states.${each.state}`),
            icon: 'i-lucide-gamepad-2',
            onSelect: () => void navigateTo(`/instances/${each.id}`),
          })),
        },
        {
          id: 'nodes',
          label: t('nav.nodes'),
          items: nodes.rows.value.map(each => ({ label: each.name, icon: 'i-lucide-server', onSelect: () => void navigateTo(`/nodes/${each.id}`) })),
        },
        {
          id: 'templates',
          label: t('nav.templates'),
          items: templates.rows.value.map(each => ({ label: each.id, icon: 'i-lucide-layers', onSelect: () => void navigateTo(`/templates/${each.id}`) })),
        },
      ])

  return { links, groups }
}
