import { globSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'
import type { FindingOut } from '~/api'
import { findingText } from '~/utils/findingText'
import { findingPage, subjectOf, worstFindings } from '~/utils/findings'
import de from '../../i18n/de.json'

const finding = (fields: Partial<FindingOut>): FindingOut => ({ code: 'clock_skew', severity: 'warning', subject: 'node oak', what: '', evidence: '', remedy: '', link: '', params: {}, ...fields })

describe('findings of the doctor', () => {
  it('lead to the page of what they are about', () => {
    expect(findingPage(finding({ link: 'node:n1' }))).toBe('/nodes/n1')
    expect(findingPage(finding({ link: 'instance:i1' }))).toBe('/instances/i1')
    expect(findingPage(finding({ code: 'backup_too_old' }))).toBe('/backups')
    expect(findingPage(finding({ code: 'store_slow' }))).toBeUndefined()
  })

  it('name their subjects', () => {
    expect(subjectOf('node oak')).toEqual({ kind: 'node', name: 'oak', part: '' })
    expect(subjectOf('node oak, the kernel')).toEqual({ kind: 'node', name: 'oak', part: 'the kernel' })
    expect(subjectOf('the object store')).toEqual({ kind: 'the_object_store', name: 'the object store', part: '' })
  })

  it('disturb nobody with notes, or with what the dashboard says already', () => {
    const findings = [finding({ severity: 'note' }), finding({ code: 'node_offline', severity: 'error' }), finding({ code: 'store_public', severity: 'error' }), finding({})]
    expect(worstFindings(findings).map(each => each.code)).toEqual(['store_public', 'clock_skew'])
  })

  it('are all translated', () => {
    const checks = globSync('../src/hytopus/{brain,node}/doctor/checks/*.py').map(file => readFileSync(file, 'utf8')).join('\n')
    const codes = [...checks.matchAll(/yield Finding\(\s*"(\w+)"/g)].map(match => match[1] ?? '')
    const texts: Record<string, Record<string, unknown>> = de.findings.codes
    expect(codes.length).toBeGreaterThan(30)
    expect(codes.filter(code => !['what', 'evidence', 'remedy'].every(part => texts[code]?.[part]))).toEqual([])
    const parts = globSync('../src/hytopus/node/doctor/checks/*.py').flatMap(file => [...readFileSync(file, 'utf8').matchAll(/Severity\.\w+,\s*"([^"]+)"/g)].map(match => match[1] ?? ''))
    expect(parts.filter(part => !(part.replaceAll(' ', '_') in de.findings.parts))).toEqual([])
  })

  it('are said in German with their values, whatever their cases', () => {
    const { t, te } = createI18n({ legacy: false, locale: 'de', messages: { de: de as never } }).global
    const words = { t, te, when: (iso: string) => `<${iso}>`, mb: (mb: number) => `${mb} MiB`, number: String }
    const text = (fields: Partial<FindingOut>) => findingText(finding(fields), words)
    expect(text({ subject: 'node oak, the disk', code: 'disk_nearly_full', params: { free_mb: '5', total_mb: '100' } })).toMatchObject({ subject: 'Node oak, Festplatte', evidence: '5 MiB von 100 MiB sind frei.' })
    expect(text({ code: 'ca_rotation', params: { count: 2, names: 'elm, oak' } }).evidence).toBe('2 Nodes haben nicht gewechselt: elm, oak.')
    expect(text({ code: 'ca_rotation', params: { case: 'done' } }).remedy).toContain('hytopus brain ca retire')
    expect(text({ code: 'backup_too_old', params: { at: '2026' } }).evidence).toBe('Sie ist vom <2026>.')
    expect(text({ code: 'from_the_future', evidence: 'Says who?', params: {} }).evidence).toBe('Says who?')
  })
})
