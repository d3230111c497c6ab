/** What the Brain says when it refuses or fails: RFC 9457 with a stable `code`, by which texts are translated. */
import type { Problem } from '~/api'

export class ApiProblem extends Error {
  readonly code: string
  readonly status: number
  readonly remedy: string
  readonly params: Record<string, unknown>
  readonly fields: Record<string, string>
  readonly requestId: string

  constructor(problem: Partial<Problem> & { code: string }) {
    super(problem.detail ?? problem.title ?? problem.code)
    this.code = problem.code
    this.status = problem.status ?? 0
    this.remedy = problem.remedy ?? ''
    this.params = problem.params ?? {}
    this.fields = Object.fromEntries((problem.errors ?? []).map(each => [each.field, each.message]))
    this.requestId = problem.request_id ?? ''
  }
}

/** Every failure as an `ApiProblem`: one of the Brain's, or `no_connection` where no answer came at all. */
export function problemOf(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error
  if (isProblem(error)) return new ApiProblem(error)
  if (error instanceof TypeError || error instanceof DOMException) return new ApiProblem({ code: 'no_connection' })
  return new ApiProblem({ code: 'unexpected', detail: error instanceof Error ? error.message : String(error) })
}

function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'code' in value && typeof value.code === 'string'
}

/** What is wrong with which field, as forms take it. */
export function fieldErrors(problem: ApiProblem): { name: string, message: string }[] {
  return Object.entries(problem.fields).map(([name, message]) => ({ name, message }))
}
