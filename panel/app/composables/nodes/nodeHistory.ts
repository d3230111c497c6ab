/** How busy nodes were since the page was opened. The Brain keeps no history; Prometheus does. */
import type { NodeOut } from '~/api'

export interface LoadSample {
  at: number
  cpu: number
  memory: number
  slots: number
}

const KEEP = 720
const history = shallowReactive(new Map<string, LoadSample[]>())

export function rememberLoads(nodes: readonly NodeOut[]) {
  const at = Date.now()
  for (const node of nodes) {
    if (!node.load || node.state === 'offline') continue
    const sample = { at, cpu: node.load.cpu_percent, memory: node.load.memory_used_mb, slots: node.reserved.slots }
    history.set(node.id, [...(history.get(node.id) ?? []), sample].slice(-KEEP))
  }
}

export function loadHistory(nodeId: string): LoadSample[] {
  return history.get(nodeId) ?? []
}
