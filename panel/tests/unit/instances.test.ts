import { describe, expect, it } from 'vitest'
import type { EventOut, InstanceSummary, State } from '~/api'
import { filterInstances, type InstanceFilter } from '~/utils/instanceFilter'
import { newestState, percentile, startTimes, stateChange } from '~/utils/stateEvents'
import { offers } from '~/utils/states'

const row = (name: string, state: State = 'running', more: Partial<InstanceSummary> = {}): InstanceSummary => ({
  id: name, name, state, game: 'hytale', state_since: '', wanted: 'running', node: { id: 'n1', name: 'oak' }, address: null, metadata: {}, players: 0, started_at: null, created_at: '', disk_over_since: null, problem: null, ...more,
})
const all: InstanceFilter = { text: '', states: [], node: '', game: '', sort: 'name', descending: false }
const names = (rows: InstanceSummary[]) => rows.map(each => each.name)

describe('filterInstances', () => {
  const rows = [row('lobby-2'), row('arena', 'failed'), row('lobby-1', 'stopped', { node: null }), row('lobby-3', 'running', { started_at: '2026-01-01' })]

  it('needs every word, in whatever field', () => {
    expect(names(filterInstances(rows, { ...all, text: 'oak lobby' }))).toEqual(['lobby-2', 'lobby-3'])
  })

  it('filters by state and sorts by name where the order ties', () => {
    expect(names(filterInstances(rows, { ...all, states: ['running', 'failed'], sort: 'state' }))).toEqual(['lobby-2', 'lobby-3', 'arena'])
  })

  it('sorts the longest running first, and the other way round', () => {
    expect(names(filterInstances(rows, { ...all, sort: 'uptime' }))[0]).toBe('lobby-3')
    expect(names(filterInstances(rows, { ...all, descending: true }))[0]).toBe('lobby-3')
  })

  it('filters five thousand rows within a frame or two', () => {
    const many = Array.from({ length: 5000 }, (_, n) => row(`server-${n * 7919 % 5000}`))
    filterInstances(many, all)
    const began = performance.now()
    expect(filterInstances(many, { ...all, text: '42' }).length).toBeGreaterThan(0)
    expect(performance.now() - began).toBeLessThan(100)
  })
})

let number = 0
const change = (id: string, from: State, to: State, second: number): EventOut => ({
  id: ++number, at: new Date(second * 1000).toISOString(), kind: 'instance.x', subject_kind: 'instance', subject_id: id, actor_kind: 'system', actor_id: '', actor_name: '', message: '', data: { from, to, wanted: 'running', node_id: 'n1' },
})

describe('events of instances', () => {
  const newestFirst = [change('b', 'running', 'failed', 30), change('a', 'starting', 'running', 12), change('a', 'preparing', 'starting', 10), change('a', 'requested', 'preparing', 5)]

  it('tell of a change of state, and nothing else', () => {
    expect(stateChange(newestFirst[0] as EventOut)).toMatchObject({ id: 'b', from: 'running', to: 'failed' })
    expect(stateChange({ ...(newestFirst[0] as EventOut), data: {} })).toBeUndefined()
  })

  it('give the times from the beginning of a start to ready', () => {
    const started = newestFirst.map(event => (event.data.to === 'running' ? { ...event, data: { ...event.data, took_ms: 7000 } } : event))
    expect(startTimes(started)).toEqual([7000])
    expect(percentile([5, 1, 9], 0.5)).toBe(5)
    expect(percentile([], 0.5)).toBeUndefined()
  })
})

describe('newestState', () => {
  const answered = row('a', 'starting', { state_since: '2026-01-01T00:00:01.5Z', players: 3 })

  it('is what the feed told when the answer is older', () => {
    const known = row('a', 'running', { state_since: '2026-01-01T00:00:02Z' })
    expect(newestState(answered, known)).toEqual({ ...answered, state: 'running', state_since: known.state_since })
  })

  it('is the answer when nothing newer is known', () => {
    expect(newestState(answered, row('a', 'requested', { state_since: '2026-01-01T00:00:01Z' }))).toBe(answered)
    expect(newestState(answered, undefined)).toBe(answered)
  })
})

describe('offers', () => {
  it('never offers anything for what is being destroyed', () => {
    expect(offers('kill', { state: 'running', wanted: 'destroyed' })).toBe(false)
    expect(offers('kill', { state: 'stopping', wanted: 'stopped' })).toBe(true)
    expect(offers('start', { state: 'running', wanted: 'running' })).toBe(false)
  })
})
