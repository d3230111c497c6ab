/** Findings in the page's language: by code where it is translated, in the doctor's own words where not. */
import type { FindingOut } from '~/api'

export function useFindingText() {
  const { t, te } = useI18n()
  const either = (key: string, otherwise: string) => (te(key) ? t(key) : otherwise)

  function subject(text: string): string {
    const { kind, name } = subjectOf(text)
    const key = `findings.subjects.${kind}`
    return te(key) ? t(key, { name }) : text
  }

  return (finding: FindingOut) => ({
    subject: subject(finding.subject),
    what: either(`findings.codes.${finding.code}.what`, finding.what),
    remedy: either(`findings.codes.${finding.code}.remedy`, finding.remedy),
  })
}
