/** What events say about instances: their new state, how the counts were before, how long starts took. */
import type { EventOut, State } from '~/api'

export interface StateChange {
  id: string
  at: string
  from: State
  to: State
  wanted: string
  nodeId: string | null
}

/** The change of state an event tells of, if it tells of one. */
export function stateChange(event: EventOut): StateChange | undefined {
  const { from, to, wanted, node_id } = event.data
  if (event.subject_kind !== 'instance' || typeof from !== 'string' || typeof to !== 'string') return undefined
  return {
    id: event.subject_id,
    at: event.at,
    from: from as State,
    to: to as State,
    wanted: typeof wanted === 'string' ? wanted : '',
    nodeId: typeof node_id === 'string' ? node_id : null,
  }
}

export interface CountSample {
  at: number
  counts: Partial<Record<State, number>>
}

/** Counts over the past, oldest first: from the present ones backwards through `events` (newest first). */
export function countHistory(present: Partial<Record<State, number>>, events: EventOut[], now: number): CountSample[] {
  const counts = { ...present }
  const samples: CountSample[] = [{ at: now, counts: { ...counts } }]
  for (const event of events) {
    const change = stateChange(event)
    if (!change) continue
    const at = Date.parse(change.at)
    samples.push({ at, counts: { ...counts } })
    counts[change.to] = Math.max(0, (counts[change.to] ?? 0) - 1)
    counts[change.from] = (counts[change.from] ?? 0) + 1
    samples.push({ at: at - 1, counts: { ...counts } })
  }
  return samples.reverse()
}

/** Milliseconds from the beginning of a start to "ready for players", one per finished start in `events` (newest first). */
export function startTimes(events: EventOut[]): number[] {
  const began = new Map<string, number>()
  const times: number[] = []
  for (const event of [...events].reverse()) {
    const change = stateChange(event)
    if (!change) continue
    if (change.to === 'preparing' || (change.to === 'starting' && change.from !== 'preparing')) began.set(change.id, Date.parse(change.at))
    const start = began.get(change.id)
    if (change.to !== 'running' || start === undefined) continue
    if (change.from === 'starting') times.push(Date.parse(change.at) - start)
    began.delete(change.id)
  }
  return times
}

/** The value that a share of all values does not exceed (nearest rank). */
export function percentile(values: number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
}
