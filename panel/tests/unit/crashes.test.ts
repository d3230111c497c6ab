import { describe, expect, it } from 'vitest'
import { mostOften, secondsUntil } from '../../app/utils/crashes'

const NOW = Date.parse('2026-11-26T12:00:00Z')

describe('secondsUntil', () => {
  it('counts down in whole seconds and stops at none', () => {
    expect(secondsUntil('2026-11-26T12:00:04.200Z', NOW)).toBe(5)
    expect(secondsUntil('2026-11-26T12:00:00Z', NOW)).toBe(0)
    expect(secondsUntil('2026-11-26T11:59:00Z', NOW)).toBe(0)
  })

  it('knows that there may be nothing to wait for', () => {
    expect(secondsUntil(null, NOW)).toBeNull()
    expect(secondsUntil(undefined, NOW)).toBeNull()
  })
})

describe('mostOften', () => {
  it('names the most frequent first and counts the rest', () => {
    expect(mostOften({ 'fra-1': 2, 'fra-2': 12, 'ams-1': 1, 'ams-2': 1 })).toBe('fra-2 (12), fra-1 (2), ams-1 (1) +1')
    expect(mostOften({})).toBe('')
    expect(mostOften({ '': 3 })).toBe('– (3)')
  })
})
