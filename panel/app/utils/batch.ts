/** Collects items and hands them over once per animation frame; once a second while the page is hidden. */
export class FrameBatch<T> {
  private items: T[] = []
  private scheduled = false

  constructor(
    private readonly deliver: (items: T[]) => void,
    private readonly schedule: (run: () => void) => void = nextFrame,
  ) {}

  add(item: T) {
    this.items.push(item)
    if (this.scheduled) return
    this.scheduled = true
    this.schedule(() => this.flush())
  }

  flush() {
    this.scheduled = false
    const items = this.items
    this.items = []
    if (items.length) this.deliver(items)
  }
}

function nextFrame(run: () => void) {
  if (document.hidden) setTimeout(run, 1000)
  else requestAnimationFrame(run)
}
