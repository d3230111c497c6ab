/** Why an instance can or cannot be somewhere, in the page's language. */
import type { CheckOut, Explanation } from '~/api'

export function usePlacementText() {
  const { t, te, locale } = useI18n()
  const named = (value: string | number) => (te(`nodeStates.${value}`) ? t(`nodeStates.${value}`).toLowerCase() : value)

  function detail(check: CheckOut): string {
    const key = `placement.says.${check.check}`
    return te(key) ? t(key, { have: named(check.have), need: check.need }) : check.detail
  }

  /** How many nodes can take it, or what keeps them from it; where it has its place, the Brain's own words. */
  function summary({ summary: said, node, nodes }: Explanation): string {
    if (node || !nodes.length) return locale.value === 'en' ? said : ''
    const possible = nodes.filter(each => each.feasible).length
    if (possible) return t('placement.possible', { count: possible, all: nodes.length })
    const failing = countBy(nodes, each => each.checks.find(check => !check.ok)?.check ?? '')
    if (nodes.length === 1) return t('placement.onlyOne', { why: t(`placement.lacks.${Object.keys(failing)[0]}`) })
    const listed = Object.entries(failing).map(([check, count]) => `${count} ${t(`placement.lacks.${check}`)}`).join(', ')
    return t('placement.impossible', { all: nodes.length, listed })
  }

  return { detail, summary }
}
