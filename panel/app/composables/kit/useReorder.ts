/** Drag rows of a short list into another order, with mouse, pen or finger; keys do the same by `move`. */
export function useReorder<T>(list: Ref<T[]>, rowSelector = '[data-row]') {
  const container = ref<HTMLElement | null>(null)
  const dragged = ref<number | null>(null)

  function move(from: number, to: number) {
    if (to < 0 || to >= list.value.length || from === to) return
    const next = [...list.value]
    const [row] = next.splice(from, 1)
    if (row === undefined) return
    next.splice(to, 0, row)
    list.value = next
  }

  function grab(index: number, event: PointerEvent) {
    event.preventDefault()
    dragged.value = index
    const handle = event.currentTarget as HTMLElement
    handle.setPointerCapture(event.pointerId)
  }

  function drag(event: PointerEvent) {
    if (dragged.value === null) return
    const rows = [...(container.value?.querySelectorAll<HTMLElement>(rowSelector) ?? [])]
    const over = rows.findIndex((row) => {
      const { top, bottom } = row.getBoundingClientRect()
      return event.clientY >= top && event.clientY <= bottom
    })
    if (over < 0 || over === dragged.value) return
    move(dragged.value, over)
    dragged.value = over
  }

  function drop() {
    dragged.value = null
  }

  return { container, dragged, move, grab, drag, drop }
}
