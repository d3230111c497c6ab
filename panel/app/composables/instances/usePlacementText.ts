/** Why an instance can or cannot be somewhere, in the page's language: the Brain's own words where it is English. */
import type { CheckOut, Explanation } from '~/api'

export function usePlacementText() {
  const { t, te, locale } = useI18n()
  const named = (value: string | number) => (te(`nodeStates.${value}`) ? t(`nodeStates.${value}`) : value)

  function detail(check: CheckOut): string {
    const key = `placement.says.${check.check}`
    return locale.value !== 'en' && te(key) ? t(key, { have: named(check.have), need: check.need }) : check.detail
  }

  /** How many nodes can take it, or what keeps them from it. */
  function summary({ summary: said, node, nodes }: Explanation): string {
    if (locale.value === 'en' || !te('placement.possible')) return said
    if (node) return ''
    const possible = nodes.filter(each => each.feasible).length
    if (possible) return t('placement.possible', { count: possible, all: nodes.length })
    const failing = countBy(nodes, each => each.checks.find(check => !check.ok)?.check ?? '')
    const listed = Object.entries(failing).map(([check, count]) => `${count} ${t(`placement.lacks.${check}`)}`).join(', ')
    return t('placement.impossible', { all: nodes.length, listed })
  }

  return { detail, summary }
}
