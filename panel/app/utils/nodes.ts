/** Small facts about nodes. */
import type { CachedOut, NodeOut } from '~/api'

/** Instances that have a place on it, whatever they do there. */
export function instancesOn(node: Pick<NodeOut, 'instances'>): number {
  return Object.entries(node.instances).reduce((sum, [state, count]) => (state === 'destroyed' ? sum : sum + count), 0)
}

/** How often the template cache had what was asked for, 0 to 1; undefined before the first question. */
export function hitRate(load: { cache_hits: number, cache_misses: number }): number | undefined {
  const asked = load.cache_hits + load.cache_misses
  return asked ? load.cache_hits / asked : undefined
}

/** What clearing a cache of a template (empty: of everything) frees now, and how many versions stay for as long as they are used. */
export function purged(contents: readonly CachedOut[], template: string, version: string): { bytes: number, count: number, kept: number } {
  const meant = contents.filter(each => (!template || each.template_id === template) && (!version || each.version === version))
  const free = meant.filter(each => !each.in_use)
  return { bytes: free.reduce((sum, each) => sum + each.bytes, 0), count: free.length, kept: meant.length - free.length }
}
