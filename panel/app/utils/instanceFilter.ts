/** Which instances a list shows, and in which order. Runs over thousands of rows at every change. */
import type { InstanceSummary, State } from '~/api'
import { STATES } from './states'

export type SortKey = 'name' | 'state' | 'game' | 'node' | 'players' | 'uptime'

export interface InstanceFilter {
  text: string
  states: State[]
  node: string
  game: string
  sort: SortKey
  descending: boolean
}

const RANK = new Map(STATES.map((state, index) => [state, index]))

const COMPARE: Record<SortKey, (a: InstanceSummary, b: InstanceSummary) => number> = {
  name: byName,
  state: (a, b) => (RANK.get(a.state) ?? 0) - (RANK.get(b.state) ?? 0),
  game: (a, b) => compare(a.game, b.game),
  node: (a, b) => compare(a.node?.name ?? '~', b.node?.name ?? '~'),
  players: (a, b) => a.players - b.players,
  uptime: (a, b) => compare(b.started_at ?? '', a.started_at ?? ''),
}

export function filterInstances(rows: readonly InstanceSummary[], filter: InstanceFilter): InstanceSummary[] {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean)
  const kept = rows.filter(row => matches(row, filter) && words.every(word => contains(row, word)))
  const order = COMPARE[filter.sort]
  const sign = filter.descending ? -1 : 1
  return kept.sort((a, b) => sign * order(a, b) || byName(a, b))
}

function matches(row: InstanceSummary, filter: InstanceFilter): boolean {
  return (!filter.states.length || filter.states.includes(row.state))
    && (!filter.node || row.node?.id === filter.node)
    && (!filter.game || row.game === filter.game)
}

function contains(row: InstanceSummary, word: string): boolean {
  return row.name.toLowerCase().includes(word) || row.id.includes(word) || row.game.includes(word)
    || (row.node?.name.toLowerCase().includes(word) ?? false) || (row.address?.includes(word) ?? false)
}

/** Plain comparison: a collator would take ten times as long, and names are lower case anyway. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function byName(a: InstanceSummary, b: InstanceSummary): number {
  return compare(a.name, b.name)
}
