/** Problems in the page's language. */
export function useProblemText() {
  const { t, te, locale } = useI18n()
  return (problem: AnyProblem) => problemText(problem, { t, te, locale: locale.value })
}
