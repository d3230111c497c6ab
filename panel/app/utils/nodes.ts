/** Small facts about nodes. */
import type { NodeOut } from '~/api'

/** Instances that have a place on it, whatever they do there. */
export function instancesOn(node: Pick<NodeOut, 'instances'>): number {
  return Object.entries(node.instances).reduce((sum, [state, count]) => (state === 'destroyed' ? sum : sum + count), 0)
}

/** How often the template cache had what was asked for, 0 to 1; undefined before the first question. */
export function hitRate(load: { cache_hits: number, cache_misses: number }): number | undefined {
  const asked = load.cache_hits + load.cache_misses
  return asked ? load.cache_hits / asked : undefined
}
