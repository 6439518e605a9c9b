package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
)

const largestManifest = 4 << 20

type descriptor struct {
	Digest string `json:"digest"`
}

type document struct {
	MediaType    string `json:"mediaType"`
	ArtifactType string `json:"artifactType"`
	Config       *struct {
		Digest    string `json:"digest"`
		MediaType string `json:"mediaType"`
	} `json:"config"`
	Layers      []descriptor      `json:"layers"`
	Manifests   []descriptor      `json:"manifests"`
	Subject     *descriptor       `json:"subject"`
	Annotations map[string]string `json:"annotations"`
}

func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// lacking is what a manifest needs and its repository has not. The lock is held.
func (d *document) lacking(from *repository) string {
	blobs := d.Layers
	if d.Config != nil {
		blobs = append([]descriptor{{d.Config.Digest}}, blobs...)
	}
	for _, blob := range blobs {
		if !from.blobs[blob.Digest] {
			return blob.Digest
		}
	}
	for _, child := range d.Manifests {
		if from.manifests[child.Digest] == nil {
			return child.Digest
		}
	}
	return ""
}

func (g *registry) manifest(w http.ResponseWriter, r *http.Request, name, reference string) {
	if r.Method == http.MethodPut {
		g.putManifest(w, r, name, reference)
		return
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	var found *manifest
	digest := reference
	if from := g.repositories[name]; from != nil {
		if tagged, isTag := from.tags[reference]; isTag {
			digest = tagged
		}
		found = from.manifests[digest]
	}
	if found == nil {
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN")
		return
	}
	w.Header().Set("Docker-Content-Digest", digest)
	w.Header().Set("ETag", `"`+digest+`"`)
	w.Header().Set("Content-Type", found.mediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(found.content)))
	if r.Method != http.MethodHead {
		w.Write(found.content)
	}
}

func (g *registry) putManifest(w http.ResponseWriter, r *http.Request, name, reference string) {
	text, err := io.ReadAll(io.LimitReader(r.Body, largestManifest+1))
	var parsed document
	if err != nil || len(text) > largestManifest || json.Unmarshal(text, &parsed) != nil {
		refuse(w, http.StatusBadRequest, "MANIFEST_INVALID")
		return
	}
	digest := digestOf(text)
	if strings.Contains(reference, ":") && reference != digest {
		refuse(w, http.StatusBadRequest, "DIGEST_INVALID")
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if missing := parsed.lacking(g.named(name)); missing != "" {
		refuse(w, http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN")
		return
	}
	g.keepManifest(name, digest, r.Header.Get("Content-Type"), text, &parsed)
	if !strings.Contains(reference, ":") {
		g.named(name).tag(reference, digest)
	}
	if parsed.Subject != nil {
		w.Header().Set("OCI-Subject", parsed.Subject.Digest)
	}
	w.Header().Set("Docker-Content-Digest", digest)
	w.Header().Set("Location", "/v2/"+name+"/manifests/"+digest)
	w.WriteHeader(http.StatusCreated)
}

// keepManifest keeps it, with what a list of referrers tells of it. The lock is held.
func (g *registry) keepManifest(name, digest, mediaType string, text []byte, parsed *document) {
	kept := &manifest{mediaType: mediaType, content: text}
	if parsed.Subject != nil {
		kept.subject = parsed.Subject.Digest
		kind := parsed.ArtifactType
		if kind == "" && parsed.Config != nil {
			kind = parsed.Config.MediaType
		}
		kept.entry = map[string]any{"mediaType": mediaType, "digest": digest, "size": len(text), "artifactType": kind,
			"annotations": parsed.Annotations}
	}
	g.named(name).manifests[digest] = kept
}

func (g *registry) referrers(w http.ResponseWriter, r *http.Request, name, digest string) {
	kind, entries := r.URL.Query().Get("artifactType"), []any{}
	g.mu.RLock()
	if from := g.repositories[name]; from != nil {
		for _, one := range from.manifests {
			if one.subject == digest && one.subject != "" && (kind == "" || one.entry["artifactType"] == kind) {
				entries = append(entries, one.entry)
			}
		}
	}
	g.mu.RUnlock()
	if kind != "" {
		w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	const index = "application/vnd.oci.image.index.v1+json"
	text, _ := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": index, "manifests": entries})
	w.Header().Set("Content-Type", index)
	w.Write(text)
}

// page is a part of the tags, and whether there are more behind it. Where n is not told, it is 100; above 1,000 it is
// cut without a word.
func (g *registry) page(name string, query url.Values) (tags []string, size int, more bool) {
	size = 100
	if asked, err := strconv.Atoi(query.Get("n")); err == nil && asked > 0 {
		size = min(asked, 1000)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	from := g.repositories[name]
	if from == nil {
		return nil, size, false
	}
	all, last := from.names(), query.Get("last")
	at := sort.SearchStrings(all, last)
	if at < len(all) && all[at] == last {
		at++
	}
	end := min(len(all), at+size)
	return all[at:end], size, end < len(all)
}

func (r *repository) names() []string {
	if r.sorted == nil {
		r.sorted = make([]string, 0, len(r.tags)+r.many)
		for name := range r.tags {
			r.sorted = append(r.sorted, name)
		}
		for number := 0; number < r.many; number++ {
			r.sorted = append(r.sorted, fmt.Sprintf("v%07d", number))
		}
		sort.Strings(r.sorted)
	}
	return r.sorted
}

func link(w http.ResponseWriter, path string, tags []string, size int) {
	w.Header().Set("Link", fmt.Sprintf(`<%s?last=%s&n=%d&orderby=>; rel="next"`,
		path, url.QueryEscape(tags[len(tags)-1]), size))
}

func (g *registry) tagNames(w http.ResponseWriter, r *http.Request, name string) {
	tags, size, more := g.page(name, r.URL.Query())
	if more {
		link(w, "/v2/"+name+"/tags/list", tags, size)
	}
	answer(w, http.StatusOK, map[string]any{"name": name, "tags": tags})
}

const when = "2026-01-02T03:04:05.1234567Z"

// madeUp is what the tags point to that are not there.
var madeUp = digestOf(nil)

type tagProperties struct {
	Name           string `json:"name"`
	Digest         string `json:"digest"`
	CreatedTime    string `json:"createdTime"`
	LastUpdateTime string `json:"lastUpdateTime"`
	Signed         bool   `json:"signed"`
	Changeable     struct {
		DeleteEnabled bool `json:"deleteEnabled"`
		WriteEnabled  bool `json:"writeEnabled"`
		ReadEnabled   bool `json:"readEnabled"`
		ListEnabled   bool `json:"listEnabled"`
	} `json:"changeableAttributes"`
}

func properties(name, digest string) *tagProperties {
	told := &tagProperties{Name: name, Digest: digest, CreatedTime: when, LastUpdateTime: when}
	told.Changeable.DeleteEnabled, told.Changeable.WriteEnabled = true, true
	told.Changeable.ReadEnabled, told.Changeable.ListEnabled = true, true
	return told
}

// metadata is ACR's own API: the tags of a repository, and one of them.
func (g *registry) metadata(w http.ResponseWriter, r *http.Request, rest string) {
	name, tag, found := strings.Cut(rest, "/_tags")
	if !found {
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN")
		return
	}
	if g.isRefused(w, r, "repository:"+name+":metadata_read") {
		return
	}
	told := map[string]any{"registry": g.host, "imageName": name}
	if tag = strings.TrimPrefix(tag, "/"); tag != "" {
		told["tag"] = properties(tag, g.tagged(name, tag))
		answer(w, http.StatusOK, told)
		return
	}
	tags, size, more := g.page(name, r.URL.Query())
	var all []*tagProperties // null where there are none, as ACR's
	for _, tag := range tags {
		all = append(all, properties(tag, g.tagged(name, tag)))
	}
	if more {
		link(w, "/acr/v1/"+name+"/_tags", tags, size)
	}
	told["tags"] = all
	answer(w, http.StatusOK, told)
}

func (g *registry) tagged(name, tag string) string {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if from := g.repositories[name]; from != nil && from.tags[tag] != "" {
		return from.tags[tag]
	}
	return madeUp
}
