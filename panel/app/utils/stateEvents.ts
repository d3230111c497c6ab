/** What events say about instances: their new state, how long starts took. */
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

interface Stateful {
  state: State
  state_since: string
}

/** What was answered, with the state that was known already where the feed has overtaken the answer. */
export function newestState<T extends Stateful>(answered: T, known: Stateful | undefined): T {
  if (!known || known.state_since === answered.state_since) return answered
  if (Date.parse(known.state_since) < Date.parse(answered.state_since)) return answered
  return { ...answered, state: known.state, state_since: known.state_since }
}

/** Milliseconds from the beginning of a start to "ready for players", one per finished start, as the Brain measured them. */
export function startTimes(events: EventOut[]): number[] {
  return events.flatMap(({ data }) => (typeof data.took_ms === 'number' ? [data.took_ms] : []))
}

/** The value that a share of all values does not exceed (nearest rank). */
export function percentile(values: number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
}
