/** Geometry of the charts: values become SVG paths. */

export interface Point {
  at: number
  value: number
}

export interface Frame {
  width: number
  height: number
  from: number
  to: number
  max: number
}

/** A rounded-up maximum whose halves and quarters read well. */
export function niceMax(value: number): number {
  if (value <= 0) return 1
  const step = 10 ** Math.floor(Math.log10(value))
  const factor = [1, 2, 4, 5, 8, 10].find(each => each * step >= value) ?? 10
  return factor * step
}

function place(point: Point, frame: Frame): [number, number] {
  const x = frame.to > frame.from ? (point.at - frame.from) / (frame.to - frame.from) * frame.width : frame.width
  const y = frame.height - Math.min(1, point.value / frame.max) * frame.height
  return [Math.round(x * 10) / 10, Math.round(y * 10) / 10]
}

/** Runs of points without a pause longer than `gap` milliseconds. */
export function segments(points: readonly Point[], gap: number): Point[][] {
  const runs: Point[][] = []
  for (const point of points) {
    const run = runs.at(-1)
    const last = run?.at(-1)
    if (run && last && point.at - last.at <= gap) run.push(point)
    else runs.push([point])
  }
  return runs
}

export function linePath(points: readonly Point[], frame: Frame): string {
  return points.map((point, index) => `${index ? 'L' : 'M'}${place(point, frame).join(' ')}`).join('')
}

export function areaPath(points: readonly Point[], frame: Frame): string {
  const first = points[0]
  const last = points.at(-1)
  if (!first || !last) return ''
  const [start] = place(first, frame)
  const [end] = place(last, frame)
  return `${linePath(points, frame)}L${end} ${frame.height}L${start} ${frame.height}Z`
}

/** The point nearest to a moment. */
export function nearest(points: readonly Point[], at: number): Point | undefined {
  let best: Point | undefined
  for (const point of points) {
    if (!best || Math.abs(point.at - at) < Math.abs(best.at - at)) best = point
  }
  return best
}
