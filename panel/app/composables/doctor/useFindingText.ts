/** Findings in the page's language. */
import type { FindingOut } from '~/api'

export function useFindingText() {
  const { t, te } = useI18n()
  const { when, mb, number } = useFormat()
  return (finding: FindingOut) => findingText(finding, { t, te, when, mb, number })
}
