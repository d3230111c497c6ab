/** Collects items and hands them over in an animation frame, at most ten times a second; once a second while hidden. */
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

/** Quick enough for eyes, and leaves a page with thousands of rows time for everything else. */
const EVERY_MS = 100
let last = 0

function nextFrame(run: () => void) {
  if (document.hidden) return void setTimeout(run, 1000)
  const wait = Math.max(0, last + EVERY_MS - performance.now())
  setTimeout(() => requestAnimationFrame((now) => {
    last = now
    run()
  }), wait)
}
