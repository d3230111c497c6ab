import { describe, expect, it, vi } from 'vitest'
import type { HistoryOut, NodeOut } from '~/api'
import { segments } from '~/utils/chart'
import { extended, gapMs, hitRatePoints, pointsOf, sharePoints, thinned } from '~/utils/history'
import { LiveList } from '~/utils/liveList'
import { instanceLoad, type LoadFrame } from '~/utils/loads'
import { SseParser } from '~/utils/sse'

const history = (at: number[], series: HistoryOut['series'], resolution_s = 300): HistoryOut => ({ since: 0, until: 9000, resolution_s, at, series })

describe('history', () => {
  const some = history([300, 600, 900], { cpu: [10, null, 30], used: [1, 2, 3], all: [4, 0, 6] })

  it('becomes points, without the moments of which nothing is known', () => {
    expect(pointsOf(some, 'cpu')).toEqual([{ at: 300_000, value: 10 }, { at: 900_000, value: 30 }])
    expect(pointsOf(some, 'no such')).toEqual([])
    expect(pointsOf(null, 'cpu')).toEqual([])
  })

  it('gives shares where there is a whole', () => {
    expect(sharePoints(some, 'used', 'all')).toEqual([{ at: 300_000, value: 25 }, { at: 900_000, value: 50 }])
  })

  it('gives the hit rate over several spans', () => {
    const cache = history([0, 300, 600], { cache_hits: [0, 3, 1], cache_misses: [0, 1, 3] })
    expect(hitRatePoints(cache, 2)).toEqual([{ at: 300_000, value: 75 }, { at: 600_000, value: 50 }])
  })

  it('breaks a line where nothing was measured', () => {
    const points = [0, 300_000, 1_800_000].map(at => ({ at, value: 1 }))
    expect(segments(points, gapMs(some)).map(run => run.length)).toEqual([2, 1])
    expect(segments(points, Number.POSITIVE_INFINITY)).toEqual([points])
  })

  it('is thinned evenly and keeps its ends', () => {
    expect(thinned([1, 2, 3], 5)).toEqual([1, 2, 3])
    const few = thinned(Array.from({ length: 720 }, (_, index) => index), 48)
    expect([few.length, few[0], few.at(-1)]).toEqual([48, 0, 719])
  })

  it('grows live: one moment in half a minute, and no more than an hour', () => {
    let grown = history([0, 3570], { cpu: [1, 2] }, 30)
    grown = extended(grown, 3605, { cpu: 3 })
    grown = extended(grown, 3629, { cpu: 4 })
    expect(grown).toMatchObject({ at: [0, 3570, 3600], series: { cpu: [1, 2, 4] } })
    grown = extended(grown, 3635, { other: 1 })
    expect(grown).toMatchObject({ at: [3570, 3600, 3630], series: { cpu: [2, 4, null] } })
  })
})

describe('frames of loads', () => {
  it('tell of an instance by position', () => {
    const frame: LoadFrame = { nodes: {}, instances: { i1: [50, 512, 3, 10, 20, 900] }, progress: {} }
    expect(instanceLoad(frame, 'i1')).toEqual({ cpu_percent: 50, memory_mb: 512, players: 3, network_in: 10, network_out: 20, disk_mb: 900 })
    expect(instanceLoad(frame, 'i2')).toBeUndefined()
  })

  it('have no id, so that the feed resumes after the last event', () => {
    const frames = new SseParser().push('id: 7\nevent: instance.started\ndata: {}\n\nevent: loads\ndata: {"nodes":{}}\n\n')
    expect(frames.map(frame => [frame.event, frame.id])).toEqual([['instance.started', '7'], ['loads', undefined]])
  })

  it('change a thousand rows with one notification', () => {
    const list = new LiveList<NodeOut>()
    list.replaceAll(Array.from({ length: 1000 }, (_, index) => ({ id: `n${index}` }) as NodeOut))
    const seen = vi.fn()
    const before = list.rows.value
    list.batch(() => list.rows.value.forEach(row => list.patch(row.id, { last_seen: 'now' })))
    if (list.rows.value !== before) seen()
    expect(seen).toHaveBeenCalledOnce()
    expect(list.get('n999')?.last_seen).toBe('now')
  })
})
