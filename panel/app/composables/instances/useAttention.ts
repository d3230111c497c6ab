/** What needs a person: instances, nodes, and the worst that the doctor finds. */
import type { FindingOut, InstanceSummary, NodeOut, ProblemOut } from '~/api'

export interface Attention {
  id: string
  name: string
  to: string
  icon: string
  tone: 'error' | 'warning'
  /** Nobody knows since when the doctor's findings hold. */
  since?: string
  problem?: ProblemOut
  said?: { title: string, remedy: string }
}

/** Waiting for a node is normal for so long. */
const PATIENCE_MS = 30_000

export function useAttention() {
  const { t } = useI18n()
  const instances = useInstances()
  const nodes = useNodes()
  const { now } = useFormat()
  const { diagnosis } = useDoctor()
  const text = useFindingText()

  function ofNode(node: NodeOut): Attention | undefined {
    if (node.state === 'online' && node.load?.engine_up !== false) return undefined
    const key = node.state === 'online' ? 'engine' : node.state
    return {
      id: node.id,
      name: node.name,
      to: `/nodes/${node.id}`,
      icon: 'i-lucide-server-off',
      tone: node.state === 'suspect' ? 'warning' : 'error',
      since: node.state_since,
      said: { title: t(`attention.node.${key}`), remedy: t(`attention.node.${key}Remedy`) },
    }
  }

  /** It runs, and may leave others without disk. */
  function ofDisk(each: InstanceSummary): Attention | undefined {
    if (!each.disk_over_since) return undefined
    return {
      id: `disk ${each.id}`,
      name: each.name,
      to: `/instances/${each.id}`,
      icon: 'i-lucide-hard-drive',
      tone: 'warning',
      since: each.disk_over_since,
      said: { title: t('attention.instance.disk'), remedy: t('attention.instance.diskRemedy') },
    }
  }

  function ofInstance(each: InstanceSummary): Attention | undefined {
    const waits = each.state === 'requested' && each.wanted === 'running' && now.value - Date.parse(each.state_since) > PATIENCE_MS
    if (each.state !== 'failed' && each.state !== 'lost' && !waits) return undefined
    return {
      id: each.id,
      name: each.name,
      to: `/instances/${each.id}${waits ? '?tab=placement' : ''}`,
      icon: STATE_LOOKS[each.state].icon,
      tone: each.state === 'failed' ? 'error' : 'warning',
      since: each.state_since,
      problem: each.state === 'failed' && each.problem ? each.problem : undefined,
      said: { title: t(`attention.instance.${each.state}`), remedy: t(`attention.instance.${each.state}Remedy`) },
    }
  }

  function ofFinding(finding: FindingOut): Attention {
    const { subject, what, remedy } = text(finding)
    return {
      id: `${finding.code} ${finding.subject}`,
      name: subject,
      to: findingPage(finding) ?? '/doctor',
      icon: 'i-lucide-stethoscope',
      tone: finding.severity === 'error' ? 'error' : 'warning',
      said: { title: what, remedy },
    }
  }

  return computed(() => [
    ...nodes.rows.value.map(ofNode),
    ...instances.rows.value.map(ofInstance),
    ...instances.rows.value.map(ofDisk),
    ...worstFindings(diagnosis.value?.findings ?? []).map(ofFinding),
  ]
    .filter(each => each !== undefined)
    .sort((a, b) => a.tone.localeCompare(b.tone) || (b.since ?? '').localeCompare(a.since ?? '')))
}
