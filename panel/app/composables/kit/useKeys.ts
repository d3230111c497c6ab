/** Keys that work everywhere: `g` and a letter go somewhere, `c` creates. */
export function useKeys() {
  const session = useSession()
  defineShortcuts({
    'g-d': () => navigateTo('/'),
    'g-i': () => navigateTo('/instances'),
    'g-n': () => navigateTo('/nodes'),
    'g-t': () => navigateTo('/templates'),
    'g-e': () => navigateTo('/events'),
    'g-s': () => navigateTo('/settings'),
    'c': () => session.can('operator') && navigateTo('/instances/new'),
  })
}
