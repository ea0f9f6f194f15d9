import { authEmpty } from '../rules/auth-empty.ts'
import { authInvalid } from '../rules/auth-invalid.ts'
import { authPlaceholder } from '../rules/auth-placeholder.ts'
import { authPrecedence } from '../rules/auth-precedence.ts'
import { authWithoutPassword } from '../rules/auth-without-password.ts'
import { credentialsOverHttp } from '../rules/credentials-over-http.ts'
import { defaultPortKey } from '../rules/default-port-key.ts'
import { dockerIoCredentials } from '../rules/docker-io-credentials.ts'
import { duplicateKey } from '../rules/duplicate-key.ts'
import { embeddedRegistry } from '../rules/embedded-registry.ts'
import { endpointInvalid } from '../rules/endpoint-invalid.ts'
import { endpointLoopback } from '../rules/endpoint-loopback.ts'
import { endpointPath } from '../rules/endpoint-path.ts'
import { endpointUserinfoOrQuery } from '../rules/endpoint-userinfo-or-query.ts'
import { endpointWithoutScheme } from '../rules/endpoint-without-scheme.ts'
import { featureTooNew } from '../rules/feature-too-new.ts'
import { fileReadable } from '../rules/file-readable.ts'
import { indexDockerIo } from '../rules/index-docker-io.ts'
import { insecureSkipVerify } from '../rules/insecure-skip-verify.ts'
import { ipv6Literal } from '../rules/ipv6-literal.ts'
import { keyNotARegistry } from '../rules/key-not-a-registry.ts'
import { keyUpperCase } from '../rules/key-upper-case.ts'
import { keyWithPath } from '../rules/key-with-path.ts'
import { keyWithScheme } from '../rules/key-with-scheme.ts'
import { keyWithWildcard } from '../rules/key-with-wildcard.ts'
import { noDefaultWithoutEffect } from '../rules/no-default-without-effect.ts'
import { quotedBoolean } from '../rules/quoted-boolean.ts'
import { restNotChecked } from '../rules/rest-not-checked.ts'
import { rewriteAmbiguous } from '../rules/rewrite-ambiguous.ts'
import { rewriteEscapes } from '../rules/rewrite-escapes.ts'
import { rewriteGroup } from '../rules/rewrite-group.ts'
import { rewriteInvalid } from '../rules/rewrite-invalid.ts'
import { rewriteNeverMatches } from '../rules/rewrite-never-matches.ts'
import { rewriteOnDefault } from '../rules/rewrite-on-default.ts'
import { rewriteResult } from '../rules/rewrite-result.ts'
import { rewriteUnanchored } from '../rules/rewrite-unanchored.ts'
import { rewriteWithoutEndpoint } from '../rules/rewrite-without-endpoint.ts'
import { secondDocument } from '../rules/second-document.ts'
import { stringForList } from '../rules/string-for-list.ts'
import { syntax } from '../rules/syntax.ts'
import { systemImagesRegistry } from '../rules/system-images-registry.ts'
import { tlsCaInvalid } from '../rules/tls-ca-invalid.ts'
import { tlsCertWithoutKey } from '../rules/tls-cert-without-key.ts'
import { tlsExpired } from '../rules/tls-expired.ts'
import { tlsFileMissing } from '../rules/tls-file-missing.ts'
import { tlsKeyMismatch } from '../rules/tls-key-mismatch.ts'
import { tlsKeyReadable } from '../rules/tls-key-readable.ts'
import { tlsOnHttp } from '../rules/tls-on-http.ts'
import { tlsRelativePath } from '../rules/tls-relative-path.ts'
import { tokenUnderAuth } from '../rules/token-under-auth.ts'
import { tomlEscapes } from '../rules/toml-escapes.ts'
import { unknownKey } from '../rules/unknown-key.ts'
import { unmatchedConfig } from '../rules/unmatched-config.ts'
import { versionRegression } from '../rules/version-regression.ts'
import { wildcardConfig } from '../rules/wildcard-config.ts'
import { wildcardExemption } from '../rules/wildcard-exemption.ts'
import { wrongType } from '../rules/wrong-type.ts'
import type { Rule } from './rule.ts'

/** The rules about the text itself, by id, which also apply to a file that K3s cannot read. */
export const readingRules: Readonly<Record<string, Rule>> = {
  syntax,
  'wrong-type': wrongType,
  'string-for-list': stringForList,
  'quoted-boolean': quotedBoolean,
  'second-document': secondDocument,
  'unknown-key': unknownKey,
  'token-under-auth': tokenUnderAuth,
  'duplicate-key': duplicateKey,
  'rest-not-checked': restNotChecked,
}

/** Every rule by id, in the order of the documentation. The id is also the name of the rule's file. */
export const rules: Readonly<Record<string, Rule>> = {
  ...readingRules,
  'key-with-scheme': keyWithScheme,
  'key-with-path': keyWithPath,
  'key-with-wildcard': keyWithWildcard,
  'key-upper-case': keyUpperCase,
  'key-not-a-registry': keyNotARegistry,
  'index-docker-io': indexDockerIo,
  'docker-io-credentials': dockerIoCredentials,
  'unmatched-config': unmatchedConfig,
  'default-port-key': defaultPortKey,
  'wildcard-config': wildcardConfig,
  'wildcard-exemption': wildcardExemption,
  'no-default-without-effect': noDefaultWithoutEffect,
  'endpoint-without-scheme': endpointWithoutScheme,
  'endpoint-invalid': endpointInvalid,
  'endpoint-loopback': endpointLoopback,
  'endpoint-path': endpointPath,
  'endpoint-userinfo-or-query': endpointUserinfoOrQuery,
  'ipv6-literal': ipv6Literal,
  'rewrite-unanchored': rewriteUnanchored,
  'rewrite-ambiguous': rewriteAmbiguous,
  'rewrite-invalid': rewriteInvalid,
  'rewrite-group': rewriteGroup,
  'rewrite-result': rewriteResult,
  'rewrite-never-matches': rewriteNeverMatches,
  'rewrite-escapes': rewriteEscapes,
  'rewrite-on-default': rewriteOnDefault,
  'rewrite-without-endpoint': rewriteWithoutEndpoint,
  'toml-escapes': tomlEscapes,
  'tls-file-missing': tlsFileMissing,
  'tls-relative-path': tlsRelativePath,
  'tls-cert-without-key': tlsCertWithoutKey,
  'tls-key-mismatch': tlsKeyMismatch,
  'tls-key-readable': tlsKeyReadable,
  'tls-ca-invalid': tlsCaInvalid,
  'tls-expired': tlsExpired,
  'tls-on-http': tlsOnHttp,
  'credentials-over-http': credentialsOverHttp,
  'insecure-skip-verify': insecureSkipVerify,
  'auth-invalid': authInvalid,
  'auth-precedence': authPrecedence,
  'auth-without-password': authWithoutPassword,
  'auth-placeholder': authPlaceholder,
  'auth-empty': authEmpty,
  'embedded-registry': embeddedRegistry,
  'system-images-registry': systemImagesRegistry,
  'feature-too-new': featureTooNew,
  'version-regression': versionRegression,
  'file-readable': fileReadable,
}
