/** Instances and nodes that need a person. */
import type { InstanceSummary, NodeOut, ProblemOut } from '~/api'

export interface Attention {
  id: string
  name: string
  to: string
  icon: string
  tone: 'error' | 'warning'
  since: string
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

  return computed(() => [...nodes.rows.value.map(ofNode), ...instances.rows.value.map(ofInstance)]
    .filter(each => each !== undefined)
    .sort((a, b) => a.tone.localeCompare(b.tone) || (a.since < b.since ? 1 : -1)))
}
