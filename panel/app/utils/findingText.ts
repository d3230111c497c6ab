/** Findings in the page's language: by code where it is translated, in the doctor's own words where not. */
import type { FindingOut } from '~/api'
import { subjectOf } from './findings'

export interface FindingWords {
  t: (key: string, values: Record<string, unknown>, count: number) => string
  te: (key: string) => boolean
  when: (iso: string) => string
  mb: (mb: number) => string
  number: (value: number, digits?: number) => string
}

export interface FindingText {
  subject: string
  what: string
  evidence: string
  remedy: string
}

export function findingText(finding: FindingOut, words: FindingWords): FindingText {
  const { t, te } = words
  const { code, params } = finding
  const either = (key: string, otherwise: string, values = {}, count = 1) => (te(key) ? t(key, values, count) : otherwise)
  const values = Object.fromEntries(Object.entries(params).map(([name, value]) => [name, written(name, value, words)]))
  const of = `findings.codes.${code}`
  const advice = either(`${of}.remedy`, finding.remedy)
  return {
    subject: subjectText(finding.subject, either),
    what: either(`${of}.what`, finding.what),
    evidence: either(typeof params.case === 'string' ? `${of}.evidenceOf.${params.case}` : `${of}.evidence`, finding.evidence, values, Number(params.count ?? 1)),
    remedy: either(`${of}.remedyOf.${String(params.case)}`, advice),
  }
}

/** Moments, amounts and counts by their names; nodes send everything as text. */
function written(name: string, value: unknown, { when, mb, number }: FindingWords): unknown {
  if (name === 'at') return when(String(value))
  if (name.endsWith('_mb')) return mb(Number(value))
  return typeof value === 'number' ? number(value, 1) : value
}

function subjectText(subject: string, either: (key: string, otherwise: string, values?: object) => string): string {
  const { kind, name, part } = subjectOf(subject)
  const whole = either(`findings.subjects.${kind}`, part ? '' : subject, { name })
  if (!part) return whole
  return whole ? `${whole}, ${either(`findings.parts.${part.replaceAll(' ', '_')}`, part)}` : subject
}
