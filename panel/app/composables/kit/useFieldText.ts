/** What is wrong with which field, in the page's language: by rule where it is translated, in the Brain's words where not. */
export function useFieldText() {
  const { t, te } = useI18n()

  function text({ code, message, params }: FieldProblem): string {
    const key = `invalid.${code}`
    return te(key) ? t(key, params) : message
  }

  return (problem: ApiProblem | null): Record<string, string> =>
    Object.fromEntries((problem?.errors ?? []).map(each => [each.field, text(each)]))
}
