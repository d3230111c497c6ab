/** A plain click on a bare link goes there without loading the page anew: for long lists, whose rows `RouterLink` makes dear. */
export function followLink(event: MouseEvent) {
  const link = (event.target as Element).closest('a')
  const modified = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey
  if (!link || modified || event.button !== 0 || event.defaultPrevented) return
  if (link.target || link.hasAttribute('download') || link.origin !== location.origin) return
  event.preventDefault()
  void navigateTo(link.pathname + link.search + link.hash)
}
