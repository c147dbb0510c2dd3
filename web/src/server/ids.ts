/** What may become part of a gateway URL. */

const RUN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const RANDOM = /^[A-Z2-7]{26}$/;

export const isRunId = (id: string) => RUN.test(id);
export const isShareId = (id: string) => RANDOM.test(id);
export const isKeyId = (id: string) => RANDOM.test(id);
