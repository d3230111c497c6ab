import type { Place } from '~/utils/rowPlaces'

/** Rows beyond the edges of what is in sight: where one scrolls to, and where one comes from. */
const AHEAD = 8
const BEHIND = 3
/** Without a scroll for so long, nobody scrolls. */
const STILL_MS = 150

interface Options {
  rowHeight: Ref<number>
  /** Elements are used again for other rows: only where nothing in them keeps anything. */
  shared: boolean
}

/** The rows of a long list that are in sight, and the elements that show them; all rows have one height. */
export function useVirtualRows<T extends { id: string | number }>(
  scroller: Ref<HTMLElement | null>, rows: () => readonly T[], { rowHeight, shared }: Options,
) {
  const top = ref(0)
  const upwards = ref(false)
  const scrolling = ref(false)
  const { height } = useElementSize(scroller)
  const still = useDebounceFn(() => (scrolling.value = false), STILL_MS)

  useEventListener(scroller, 'scroll', () => {
    const now = scroller.value?.scrollTop ?? 0
    upwards.value = now < top.value
    top.value = now
    scrolling.value = true
    void still()
  }, { passive: true })

  /** As many wherever one looks: else elements would come and go with every row. */
  const size = computed(() => Math.ceil((height.value || 800) / rowHeight.value) + 1 + AHEAD + BEHIND)
  const wanted = computed(() => Math.floor(top.value / rowHeight.value) - (upwards.value ? AHEAD : BEHIND))
  const first = computed(() => Math.max(0, Math.min(wanted.value, rows().length - size.value)))
  const last = computed(() => Math.min(rows().length, first.value + size.value))
  const total = computed(() => rows().length * rowHeight.value)
  const places = computed<Place<T>[]>((before) => {
    const shown = rows().slice(first.value, last.value)
    return shared ? sharedPlaces(before ?? [], shown, first.value, !scrolling.value) : ownPlaces(shown, first.value)
  })

  return { places, last, total, scrolling }
}
