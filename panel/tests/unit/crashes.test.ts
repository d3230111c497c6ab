import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { knownCause, mostOften, secondsUntil } from '../../app/utils/crashes'
import de from '../../i18n/de.json'

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

describe('causes in words of the agent', () => {
  it('are known by their sentence, and those of servers are not', () => {
    expect(knownCause('It ended with exit code 2, without a word.')).toEqual({ key: 'exit', value: '2' })
    expect(knownCause('java.lang.IllegalStateException')).toBeUndefined()
  })

  it('are all said in German', () => {
    const source = readFileSync('../src/hytopus/games/cause.py', 'utf8')
    const written = [...source.matchAll(/return f?"((?:It|Its|Signal) [^"]+\.)"|_cause\(ending, "([^"]+)"/g)]
    const sentences = written.map(match => (match[1] ?? match[2] ?? '').replace(/\{[^}]+\}/, '7'))
    expect(sentences).toHaveLength(5)
    expect(sentences.filter(each => !((knownCause(each)?.key ?? '') in de.crashes.known))).toEqual([])
  })
})
