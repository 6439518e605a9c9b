package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// controller is what the benchmark asks and tells, by POST with a JSON object to
//
//	/reset                                        count anew
//	/counted                                      what was counted since
//	/seed {registry, repository, layout, tag}     keep the image of an OCI layout on disk, without a request
//	/tags {registry, repository, count}           make up so many tags
//	/drop {registry, repository}                  forget a repository, and the blobs that no other has
//	/holds {registry, repository, tag}            the digest of a tag, and how many blobs and manifests there are
//	/set {registry, mounts, most}                 whether mounts are granted, and the largest body (0: any)
//	/token {registry, scopes}                     an access token
type controller struct {
	counter    *counter
	store      *store
	registries map[string]*registry
}

type told struct {
	Registry, Repository, Layout, Tag string
	Count                             int
	Mounts                            bool
	Most                              int64
	Scopes                            []string
}

func (c *controller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var t told
	if err := json.NewDecoder(r.Body).Decode(&t); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	switch r.URL.Path {
	case "/reset":
		c.counter.reset()
		answer(w, http.StatusOK, nil)
		return
	case "/counted":
		answer(w, http.StatusOK, c.counter.told())
		return
	}
	g := c.registries[t.Registry]
	if g == nil {
		refuse(w, http.StatusNotFound, "there is no registry "+t.Registry)
		return
	}
	value, err := c.obey(g, r.URL.Path, &t)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	if r.URL.Path == "/drop" {
		c.forget()
	}
	answer(w, http.StatusOK, value)
}

func (c *controller) obey(g *registry, path string, t *told) (any, error) {
	if path == "/token" {
		return g.issued.give(false, t.Scopes), nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch path {
	case "/seed":
		return nil, c.seed(g, t)
	case "/tags":
		g.named(t.Repository).many, g.named(t.Repository).sorted = t.Count, nil
	case "/set":
		g.mounts, g.most = t.Mounts, t.Most
	case "/drop":
		delete(g.repositories, t.Repository)
		g.uploads = map[string]*upload{}
	case "/holds":
		from := g.named(t.Repository)
		return map[string]any{"digest": from.tags[t.Tag], "blobs": len(from.blobs), "manifests": len(from.manifests)}, nil
	}
	return nil, nil
}

// forget lets go of the blobs that no repository has.
func (c *controller) forget() {
	kept := map[string]bool{}
	for _, g := range c.registries {
		g.mu.RLock()
		for _, from := range g.repositories {
			for digest := range from.blobs {
				kept[digest] = true
			}
		}
		g.mu.RUnlock()
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	for digest := range c.store.blobs {
		if !kept[digest] {
			delete(c.store.blobs, digest)
		}
	}
}

func (c *controller) seed(g *registry, t *told) error {
	text, err := os.ReadFile(filepath.Join(t.Layout, "index.json"))
	if err != nil {
		return err
	}
	var index struct {
		Manifests []struct{ Digest, MediaType string }
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return err
	}
	root := index.Manifests[0]
	g.named(t.Repository).tag(t.Tag, root.Digest)
	return c.seedManifest(g, t, root.Digest)
}

func (c *controller) seedManifest(g *registry, t *told, digest string) error {
	read := func(digest string) ([]byte, error) {
		return os.ReadFile(filepath.Join(t.Layout, "blobs", strings.Replace(digest, ":", "/", 1)))
	}
	text, err := read(digest)
	if err != nil {
		return err
	}
	var parsed document
	if err := json.Unmarshal(text, &parsed); err != nil {
		return err
	}
	blobs := parsed.Layers
	if parsed.Config != nil {
		blobs = append([]descriptor{{parsed.Config.Digest}}, blobs...)
	}
	for _, blob := range blobs {
		if c.store.get(blob.Digest) == nil {
			bytes, err := read(blob.Digest)
			if err != nil {
				return err
			}
			c.store.put(blob.Digest, &content{[][]byte{bytes}, int64(len(bytes))})
		}
		g.named(t.Repository).blobs[blob.Digest] = true
	}
	for _, child := range parsed.Manifests {
		if err := c.seedManifest(g, t, child.Digest); err != nil {
			return err
		}
	}
	g.keepManifest(t.Repository, digest, parsed.MediaType, text, &parsed)
	return nil
}
