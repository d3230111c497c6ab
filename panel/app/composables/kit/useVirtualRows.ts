/** Which rows of a long list are in sight; all rows have one height. */
export function useVirtualRows(scroller: Ref<HTMLElement | null>, count: Ref<number>, rowHeight: Ref<number>) {
  const OVERSCAN = 8
  const top = ref(0)
  const { height } = useElementSize(scroller)

  useEventListener(scroller, 'scroll', () => {
    top.value = scroller.value?.scrollTop ?? 0
  }, { passive: true })

  const first = computed(() => Math.max(0, Math.floor(top.value / rowHeight.value) - OVERSCAN))
  const last = computed(() => Math.min(count.value, Math.ceil((top.value + (height.value || 800)) / rowHeight.value) + OVERSCAN))
  const total = computed(() => count.value * rowHeight.value)

  return { first, last, total }
}
