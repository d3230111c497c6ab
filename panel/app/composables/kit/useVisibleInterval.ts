/** Do something again and again as long as somebody looks at the page; `ms` is asked before every wait. */
export function useVisibleInterval(act: () => Promise<unknown> | unknown, ms: () => number) {
  const visibility = useDocumentVisibility()
  let timer: ReturnType<typeof setTimeout> | undefined
  let over = false

  async function turn() {
    if (visibility.value === 'visible') await act()
    if (!over) timer = setTimeout(turn, ms())
  }

  timer = setTimeout(turn, ms())
  onScopeDispose(() => {
    over = true
    clearTimeout(timer)
  })
}
