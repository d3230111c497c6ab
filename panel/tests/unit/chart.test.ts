import { describe, expect, it } from 'vitest'
import { areaPath, linePath, nearest, niceMax } from '~/utils/chart'
import { formatAgo, formatBytes, formatDuration } from '~/utils/format'

const frame = { width: 100, height: 50, from: 0, to: 10, max: 4 }
const points = [{ at: 0, value: 0 }, { at: 5, value: 4 }, { at: 10, value: 9 }]

describe('charts', () => {
  it('place values in the frame and cut what is above it', () => {
    expect(linePath(points, frame)).toBe('M0 50L50 0L100 0')
    expect(areaPath(points, frame)).toBe('M0 50L50 0L100 0L100 50L0 50Z')
    expect(areaPath([], frame)).toBe('')
  })

  it('find the nearest moment, and a maximum that reads well', () => {
    expect(nearest(points, 6)?.at).toBe(5)
    expect([0, 3, 7, 17, 230].map(niceMax)).toEqual([1, 4, 8, 20, 400])
  })
})

describe('numbers and times', () => {
  it('read well in both languages', () => {
    expect(formatBytes(1536, 'en')).toBe('1.5 KiB')
    expect(formatBytes(1536, 'de')).toBe('1,5 KiB')
    expect([340, 65_000, 3_600_000, 273_600_000].map(formatDuration)).toEqual(['340ms', '1m 5s', '1h', '3d 4h'])
    expect(formatAgo(new Date(0).toISOString(), 120_000, 'de')).toMatch(/vor 2/)
  })
})
