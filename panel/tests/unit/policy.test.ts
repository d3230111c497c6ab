import { describe, expect, it } from 'vitest'
import { backupIsOld, nextBackup } from '~/utils/backups'
import { backoffWrong, emptyPolicy, isLent, policyBody, policyOf } from '~/utils/policy'

const NOTHING = { restart_policy: null, persistent: null, on_node_loss: null, replace_after_s: null, lease_s: null }

describe('policies', () => {
  it('send nothing where nothing is wanted', () => {
    expect(policyBody(emptyPolicy())).toEqual(NOTHING)
  })

  it('send what was chosen, zero included', () => {
    const policy = { ...emptyPolicy(), on: 'always' as const, backoff_min: 0, persistent: false, on_node_loss: 'replace' as const, replace_after_s: 0 }
    expect(policyBody(policy)).toEqual({ restart_policy: { on: 'always', backoff_min: 0 }, persistent: false, on_node_loss: 'replace', replace_after_s: 0, lease_s: null })
  })

  it('are read back from an instance', () => {
    const policy = policyOf({ restart_choice: { on: 'never', attempts: 2 }, persistent: true, on_node_loss: 'wait', replace_after_s: null, lease_s: 300 })
    expect(policy).toMatchObject({ on: 'never', attempts: 2, interval: undefined, persistent: true, on_node_loss: 'wait', lease_s: 300 })
  })

  it('lend only what has a world and may be replaced', () => {
    const policy = { ...emptyPolicy(), on_node_loss: 'replace' as const }
    expect([isLent(policy, undefined), isLent(policy, false)]).toEqual([true, false])
    expect([isLent({ ...policy, persistent: true }, false), isLent(emptyPolicy(), true)]).toEqual([true, false])
  })

  it('are wrong where the first wait is longer than the longest', () => {
    expect(backoffWrong({ ...emptyPolicy(), backoff_min: 400 }, { backoff_max: 300 })).toBe(true)
    expect(backoffWrong(emptyPolicy(), { backoff_min: 5, backoff_max: 300 })).toBe(false)
  })
})

describe('the schedule of backups', () => {
  const schedule = { every_hours: 24, keep_last: 7, keep_daily: 7, keep_weekly: 4, verify: true, key_id: null }
  const last = '2026-01-01T00:00:00Z'

  it('says when the next one is due', () => {
    expect(nextBackup(schedule, last)).toBe(Date.parse('2026-01-02T00:00:00Z'))
    expect(nextBackup(schedule, null)).toBe(0)
    expect(nextBackup({ ...schedule, every_hours: 0 }, last)).toBeUndefined()
  })

  it('says when the last one is too old', () => {
    expect(backupIsOld(schedule, last, Date.parse('2026-01-03T00:00:00Z'))).toBe(false)
    expect(backupIsOld(schedule, last, Date.parse('2026-01-04T00:00:00Z'))).toBe(true)
  })
})
