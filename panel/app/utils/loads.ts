/** Frames `loads` of the live feed: how busy everything is. They have no memory; the first of a connection tells all. */
import type { LoadOut } from '~/api'

export interface LoadFrame {
  nodes: Record<string, LoadOut>
  /** CPU percent, memory in MB, players, bytes a second in and out, disk in MB (0: not measured yet). */
  instances: Record<string, [number, number, number, number, number, number]>
  /** Step and 0 to 1 of preparations. */
  progress: Record<string, [string, number]>
}

export interface InstanceLoad {
  cpu_percent: number
  memory_mb: number
  players: number
  network_in: number
  network_out: number
  disk_mb: number
}

export function instanceLoad(frame: LoadFrame, id: string): InstanceLoad | undefined {
  const values = frame.instances[id]
  if (!values) return undefined
  const [cpu_percent, memory_mb, players, network_in, network_out, disk_mb] = values
  return { cpu_percent, memory_mb, players, network_in, network_out, disk_mb }
}
