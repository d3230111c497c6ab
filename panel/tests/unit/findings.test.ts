import { globSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { FindingOut } from '~/api'
import { findingPage, subjectOf, worstFindings } from '~/utils/findings'
import de from '../../i18n/de.json'

const finding = (fields: Partial<FindingOut>): FindingOut => ({ code: 'clock_skew', severity: 'warning', subject: 'node oak', what: '', evidence: '', remedy: '', link: '', ...fields })

describe('findings of the doctor', () => {
  it('lead to the page of what they are about', () => {
    expect(findingPage(finding({ link: 'node:n1' }))).toBe('/nodes/n1')
    expect(findingPage(finding({ link: 'instance:i1' }))).toBe('/instances/i1')
    expect(findingPage(finding({ code: 'backup_too_old' }))).toBe('/backups')
    expect(findingPage(finding({ code: 'store_slow' }))).toBeUndefined()
  })

  it('name their subjects', () => {
    expect(subjectOf('node oak')).toEqual({ kind: 'node', name: 'oak' })
    expect(subjectOf('the object store')).toEqual({ kind: 'the_object_store', name: 'the object store' })
  })

  it('disturb nobody with notes, or with what the dashboard says already', () => {
    const findings = [finding({ severity: 'note' }), finding({ code: 'node_offline', severity: 'error' }), finding({ code: 'store_public', severity: 'error' }), finding({})]
    expect(worstFindings(findings).map(each => each.code)).toEqual(['store_public', 'clock_skew'])
  })

  it('are all translated', () => {
    const checks = globSync('../src/hytopus/brain/doctor/checks/*.py').map(file => readFileSync(file, 'utf8')).join('\n')
    const codes = [...checks.matchAll(/yield Finding\(\s*"(\w+)"/g)].map(match => match[1] ?? '')
    expect(codes.length).toBeGreaterThan(20)
    expect(codes.filter(code => !(code in de.findings.codes))).toEqual([])
  })
})
