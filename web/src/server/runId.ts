const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Only a UUID may become part of a gateway URL. */
export function isRunId(id: string): boolean {
  return UUID.test(id);
}
