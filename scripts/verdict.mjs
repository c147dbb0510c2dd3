// What an answer of a scanner comes to. Whether it found something is read from its own data first: only where
// there are none, its text is searched for a reason of the network.

/** How programs say that a service can't be reached or does not do what is asked, as against an answer of it. */
const unreachable = new RegExp(
  [
    String.raw`\bdial (?:tcp|udp)\b`,
    String.raw`\bno such host\b`,
    String.raw`\bconnection (?:refused|reset)\b`,
    String.raw`\bi/o timeout\b`,
    String.raw`\bTLS handshake timeout\b`,
    String.raw`\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENOAUDIT)\b`,
    String.raw`\baudit endpoint returned an error\b`,
    String.raw`\bNOT_IMPLEMENTED\b`,
    String.raw`\bstatus(?: code)?:? [45]\d\d\b`,
    String.raw`"statusCode": [45]\d\d\b`,
  ].join('|'),
);

/**
 * The outcome of a scanner, as count() takes it, and the lines that tell why. `findings` is what it found, by its own
 * data; undefined: it gave none.
 */
export function verdict({ code, output }, findings) {
  if (findings?.length) return { failed: 1, why: findings };
  if (findings) return code === 0 ? { passed: 1, why: [] } : { failed: 1, why: [output.trimEnd()] };
  const line = output.split('\n').find((text) => unreachable.test(text));
  return line ? { skipped: 1, why: [line.trim()] } : { failed: 1, why: [output.trimEnd()] };
}

/** An object out of what a program printed or wrote; undefined: there is none. */
export function json(text) {
  try {
    return JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1));
  } catch {
    return undefined;
  }
}

/** What each scanner found, by its data in JSON; undefined: these are no findings. */
export const found = {
  npm: (data) =>
    data?.metadata?.vulnerabilities &&
    Object.values(data.vulnerabilities).map(
      ({ name, severity, range }) => `${name} ${range}: ${severity}`,
    ),
  trivy: (data) =>
    data?.SchemaVersion &&
    (data.Results ?? []).flatMap(({ Target, Vulnerabilities }) =>
      (Vulnerabilities ?? []).map(
        (v) => `${v.VulnerabilityID} ${v.PkgName} ${v.InstalledVersion} (${Target}): ${v.Severity}`,
      ),
    ),
  grype: (data) =>
    data?.matches
      ?.filter(({ vulnerability }) => /^(high|critical)$/i.test(vulnerability.severity))
      .map(
        ({ vulnerability, artifact }) =>
          `${vulnerability.id} ${artifact.name} ${artifact.version}: ${vulnerability.severity}`,
      ),
};
