// Microsoft's JavaScript SDK at work on a registry; prints what it found, as JSON.
//
//     node microsoft_javascript.mjs push|look|delete URL REPOSITORY
//
// It runs in an environment of its own, which NODE_MODULES names, and tells the same story as microsoft_python.py.

import { createHash } from "node:crypto";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.NODE_MODULES}/`);
const { ContainerRegistryClient, ContainerRegistryContentClient } = require("@azure/container-registry");

const LAYER = Buffer.alloc(10 * 1024 * 1024, Buffer.from(Array.from({ length: 256 }, (_, i) => i)));
const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const CONFIG = Buffer.from('{"architecture":"amd64","os":"linux"}');

const [act, url, name] = process.argv.slice(2);
const credential = { getToken: async () => ({ token: "a token of Entra", expiresOnTimestamp: Date.now() + 3_600_000 }) };
const client = new ContainerRegistryClient(url, credential);
const content = new ContainerRegistryContentClient(url, name, credential);
const repository = client.getRepository(name);

async function walk(found) {
  const items = [];
  for await (const item of found) items.push(item);
  return items;
}

const acts = {
  async push() {
    const layer = await content.uploadBlob(LAYER);
    const config = await content.uploadBlob(CONFIG);
    const digests = [];
    for (const tag of ["v2", "v1", "v3"]) {
      const manifest = {
        schemaVersion: 2,
        mediaType: OCI_MANIFEST,
        config: {
          mediaType: "application/vnd.oci.image.config.v1+json",
          digest: config.digest,
          size: config.sizeInBytes,
        },
        layers: [
          { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: layer.digest, size: layer.sizeInBytes },
        ],
        annotations: { tag },
      };
      digests.push((await content.setManifest(manifest, { tag, mediaType: OCI_MANIFEST })).digest);
    }
    return { layer: layer.digest, size: layer.sizeInBytes, digests };
  },

  async look() {
    const properties = await repository.getProperties();
    const artifact = client.getArtifact(name, "v1");
    const tag = await artifact.getTagProperties("v1");
    const manifest = await content.getManifest("v1");
    const image = await client.getArtifact(name, manifest.digest).getManifestProperties();
    const tags = {};
    const orders = { oldest: "LastUpdatedOnAscending", newest: "LastUpdatedOnDescending" };
    for (const [key, order] of Object.entries(orders)) {
      tags[key] = (await walk(client.getArtifact(name, manifest.digest).listTagProperties({ order }))).map((t) => t.name);
    }
    const manifests = [];
    const order = "LastUpdatedOnDescending";
    for await (const page of repository.listManifestProperties({ order }).byPage({ maxPageSize: 2 })) {
      manifests.push(...page.map((item) => item.digest));
    }
    const locked = await artifact.updateTagProperties("v1", { canDelete: false, canWrite: false });
    const refused = await artifact.deleteTag("v1").then(() => null, (error) => error.statusCode);
    const unlocked = await artifact.updateTagProperties("v1", { canDelete: true, canWrite: true });
    const blob = await content.downloadBlob(manifest.manifest.layers[0].digest);
    const hash = createHash("sha256");
    let size = 0;
    for await (const block of blob.content) {
      hash.update(block);
      size += block.length;
    }
    return {
      repositories: await walk(client.listRepositoryNames()),
      repository: [properties.name, properties.manifestCount, properties.tagCount],
      tag: [tag.name, tag.digest, tag.canDelete],
      manifest: [manifest.digest, manifest.mediaType, manifest.manifest.annotations.tag],
      image: [image.digest, image.architecture, image.operatingSystem, image.tags, image.sizeInBytes],
      tags,
      manifests,
      locked: [locked.canDelete, locked.canWrite, refused, unlocked.canDelete],
      layer: [size, `sha256:${hash.digest("hex")}`],
    };
  },

  async delete() {
    const manifest = await content.getManifest("v1");
    await client.getArtifact(name, "v1").deleteTag("v1");
    const tags = (await walk(client.getArtifact(name, manifest.digest).listTagProperties())).map((tag) => tag.name);
    await content.deleteManifest(manifest.digest);
    const manifests = (await walk(repository.listManifestProperties())).length;
    await content.deleteBlob(manifest.manifest.layers[0].digest);
    await client.deleteRepository(name);
    return { tags, manifests, repositories: await walk(client.listRepositoryNames()) };
  },
};

console.log(JSON.stringify(await acts[act]()));
