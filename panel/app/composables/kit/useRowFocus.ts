import type { Place } from '~/utils/rowPlaces'

/** What has the focus keeps it when elements are put in order; when its row goes out of sight, the table gets it. */
export function useRowFocus<T extends { id: string | number }>(scroller: Ref<HTMLElement | null>, places: Ref<readonly Place<T>[]>) {
  let held: string | number | undefined

  useEventListener(scroller, 'focusin', ({ target }) => {
    const index = Number((target as Element).closest('[aria-rowindex]')?.getAttribute('aria-rowindex')) - 2
    held = places.value.find(place => place.index === index)?.row.id
  })
  useEventListener(scroller, 'focusout', () => (held = undefined))

  watch(places, async (now) => {
    if (held === undefined) return
    const focused = document.activeElement as HTMLElement
    if (!now.some(place => place.row.id === held)) return scroller.value?.focus({ preventScroll: true })
    await nextTick()
    if (focused.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true })
  })
}
