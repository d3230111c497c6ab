/** A problem in the page's language: by its code where it is translated, in the Brain's own words where not. */

interface AnyProblem {
  code: string
  message: string
  remedy?: string
  params?: Record<string, unknown>
}

export function useProblemText() {
  const { t, te, locale } = useI18n()

  function translate(key: string, params: Record<string, unknown>, otherwise: string): string {
    if (!te(key)) return otherwise
    const shown = Object.entries(params).map(([name, value]) => [name, typeof value === 'number' ? formatNumber(value, locale.value, 1) : value])
    return t(key, Object.fromEntries(shown))
  }

  /** What happened, and what to do about it. */
  return (problem: AnyProblem) => ({
    title: translate(`problems.${problem.code}.message`, problem.params ?? {}, problem.message),
    remedy: translate(`problems.${problem.code}.remedy`, problem.params ?? {}, problem.remedy ?? ''),
  })
}
