/** A problem in the page's language: by its code where it is translated, in the Brain's own words where not. */
import { formatNumber } from './format'
import { nestedProblem } from './problem'

export interface AnyProblem {
  code: string
  message: string
  remedy?: string
  params?: Record<string, unknown>
}

export interface Words {
  t: (key: string, values: Record<string, unknown>) => string
  te: (key: string) => boolean
  locale: string
}

/** Values that are names of the Brain's, and where they are translated. */
const NAMES: Record<string, string> = { state: 'states', current: 'states', to: 'states', role: 'roles', needed: 'roles', asked: 'roles' }

function written(name: string, value: unknown, { t, te, locale }: Words): unknown {
  if (typeof value === 'number') return formatNumber(value, locale, 1)
  if (name === 'seconds' && value !== '' && Number.isFinite(Number(value))) return formatNumber(Number(value), locale, 1)
  const key = `${NAMES[name]}.${String(value)}`
  return name in NAMES && te(key) ? t(key, {}) : value
}

function translate(key: string, values: Record<string, unknown>, otherwise: string, { t, te }: Words): string {
  return te(key) ? t(key, values) : otherwise
}

/** The cause: one of those that the code knows, another problem, or as somebody else has put it. */
function cause(code: string, params: Record<string, unknown>, values: Record<string, unknown>, words: Words): string {
  const last = nestedProblem(params)
  if (last && words.te(`problems.${last.code}.message`)) return problemText(last, words).title
  return translate(`problems.${code}.why.${String(params.why_code)}`, values, String(params.why ?? ''), words)
}

/** What happened, and what to do about it. */
export function problemText({ code, message, remedy = '', params = {} }: AnyProblem, words: Words): { title: string, remedy: string } {
  const known = Object.fromEntries(Object.entries(params).map(([name, value]) => [name, written(name, value, words)]))
  const values = 'why' in params ? { ...known, why: cause(code, params, known, words) } : known
  const advice = translate(`problems.${code}.remedy`, values, remedy, words)
  return {
    title: translate(`problems.${code}.message`, values, message, words),
    remedy: translate(`problems.${code}.remedies.${String(params.why_code)}`, values, advice, words),
  }
}
