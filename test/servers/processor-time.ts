/** Milliseconds of the processor that some work of this process takes: a machine that is busy with something else makes it hardly more. */
export async function processorTime(work: () => unknown): Promise<number> {
  const start = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}
