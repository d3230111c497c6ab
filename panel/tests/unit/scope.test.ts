import { describe, expect, it } from 'vitest'
import { scopeChoices, scopeText } from '../../app/utils/scope'

describe('limits', () => {
  it('are chosen from what the nodes have and what is chosen already', () => {
    const nodes = [{ region: 'us', tags: ['ssd'] }, { region: 'eu', tags: ['ssd', 'big'] }, { region: '', tags: [] }]
    expect(scopeChoices(nodes, { regions: ['asia'], tags: [] })).toEqual({ regions: ['asia', 'eu', 'us'], tags: ['big', 'ssd'] })
  })

  it('read in a few words, and are nothing where nothing is limited', () => {
    expect(scopeText([{ regions: ['eu', 'us'], tags: ['ssd'] }, { regions: [], tags: [] }])).toBe('eu · us, ssd')
    expect(scopeText([{ regions: [], tags: [] }])).toBe('')
    expect(scopeText([{ regions: ['eu'], tags: ['a'], others: [{ regions: ['us'], tags: ['b'] }] }])).toBe('eu, a | us, b')
  })
})
