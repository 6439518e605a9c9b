package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// registry is one registry. Several share the store, as registries of Azure share nothing that a client could see.
type registry struct {
	host, storage string
	issued        *issued
	store         *store

	mu           sync.RWMutex
	repositories map[string]*repository
	uploads      map[string]*upload
	mounts       bool  // whether a mount is ever granted
	most         int64 // bytes of a body, at the most; 0 is no limit
}

type repository struct {
	manifests map[string]*manifest
	tags      map[string]string
	blobs     map[string]bool
	many      int      // tags that are made up, beside the others
	sorted    []string // the names of all tags; nil where they have changed
}

type manifest struct {
	mediaType string
	content   []byte
	subject   string
	entry     map[string]any // as a list of referrers has it
}

func newRegistry(host, storage string, contents *store) *registry {
	return &registry{host: host, storage: storage, store: contents, mounts: true,
		issued:       &issued{tokens: map[string]grant{}},
		repositories: map[string]*repository{}, uploads: map[string]*upload{}}
}

// named is a repository, made where there is none. The lock is held.
func (g *registry) named(name string) *repository {
	if g.repositories[name] == nil {
		g.repositories[name] = &repository{manifests: map[string]*manifest{}, tags: map[string]string{}, blobs: map[string]bool{}}
	}
	return g.repositories[name]
}

func (r *repository) tag(name, digest string) {
	r.tags[name], r.sorted = digest, nil
}

func (g *registry) hasBlob(name, digest string) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.repositories[name] != nil && g.repositories[name].blobs[digest]
}

func answer(w http.ResponseWriter, status int, value any) {
	text, _ := json.Marshal(value)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", fmt.Sprint(len(text)+1))
	w.WriteHeader(status)
	w.Write(append(text, '\n'))
}

func refuse(w http.ResponseWriter, status int, code string) {
	answer(w, status, map[string]any{"errors": []any{map[string]any{"code": code, "message": strings.ToLower(code)}}})
}

var kinds = []string{"/blobs/uploads/", "/blobs/", "/manifests/", "/referrers/", "/tags/list"}

// ServeHTTP finds out what a request is about, and whether its token allows it.
func (g *registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	switch {
	case path == "/oauth2/exchange":
		g.exchange(w, r)
	case path == "/oauth2/token":
		g.token(w, r)
	case path == "/v2/" || path == "/v2":
		if !g.isRefused(w, r) {
			answer(w, http.StatusOK, map[string]any{})
		}
	case strings.HasPrefix(path, "/acr/v1/"):
		g.metadata(w, r, strings.TrimPrefix(path, "/acr/v1/"))
	case strings.HasPrefix(path, "/v2/"):
		for _, kind := range kinds {
			if name, what, found := strings.Cut(strings.TrimPrefix(path, "/v2/"), kind); found && name != "" {
				g.serve(w, r, kind, name, what)
				return
			}
		}
		refuse(w, http.StatusNotFound, "NOT_FOUND")
	default:
		refuse(w, http.StatusNotFound, "NOT_FOUND")
	}
}

func (g *registry) serve(w http.ResponseWriter, r *http.Request, kind, name, what string) {
	action := "pull"
	if kind == "/blobs/uploads/" || r.Method == http.MethodPut || r.Method == http.MethodPost {
		action = "pull,push"
	}
	needed := []string{"repository:" + name + ":" + action}
	if from := r.URL.Query().Get("from"); kind == "/blobs/uploads/" && from != "" && from != name {
		needed = append(needed, "repository:"+from+":pull")
	}
	if g.isRefused(w, r, needed...) {
		return
	}
	switch kind {
	case "/blobs/uploads/":
		g.upload(w, r, name, what)
	case "/blobs/":
		g.blob(w, r, name, what)
	case "/manifests/":
		g.manifest(w, r, name, what)
	case "/referrers/":
		g.referrers(w, r, name, what)
	case "/tags/list":
		g.tagNames(w, r, name)
	}
}
