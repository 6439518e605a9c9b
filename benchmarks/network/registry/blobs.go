package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// content is a blob, in the pieces that it came in.
type content struct {
	pieces [][]byte
	size   int64
}

// store is the storage behind the registries. What a registry redirects to is served by it.
type store struct {
	mu    sync.RWMutex
	blobs map[string]*content
}

func (s *store) get(digest string) *content {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.blobs[digest]
}

func (s *store) put(digest string, blob *content) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blobs[digest] = blob
}

// reader gives a blob to http.ServeContent, which knows ranges.
type reader struct {
	*content
	at int64
}

func (r *reader) Read(into []byte) (int, error) {
	count, at := 0, r.at
	for _, piece := range r.pieces {
		if at >= int64(len(piece)) {
			at -= int64(len(piece))
			continue
		}
		count += copy(into[count:], piece[at:])
		if at = 0; count == len(into) {
			break
		}
	}
	r.at += int64(count)
	if count == 0 && len(into) > 0 {
		return 0, io.EOF
	}
	return count, nil
}

func (r *reader) Seek(offset int64, from int) (int64, error) {
	r.at = map[int]int64{io.SeekStart: 0, io.SeekCurrent: r.at, io.SeekEnd: r.size}[from] + offset
	return r.at, nil
}

// ServeHTTP is the storage's own: a signed URL needs no token, and a token beside it is an error, as in Azure.
func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("sig") == "" || r.Header.Get("Authorization") != "" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	digest := strings.TrimPrefix(r.URL.Path, "/store/")
	blob := s.get(digest)
	if blob == nil || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("ETag", `"0x`+digest[len("sha256:"):][:15]+`"`)
	w.Header().Set("x-ms-blob-type", "BlockBlob")
	http.ServeContent(buffered{w}, r, "", time.Unix(1_700_000_000, 0), &reader{content: blob})
}

// buffered copies by large blocks: the 32 KiB of io.Copy would cost time.
type buffered struct{ http.ResponseWriter }

var blocks = sync.Pool{New: func() any { return make([]byte, 512<<10) }}

func (b buffered) ReadFrom(from io.Reader) (int64, error) {
	block := blocks.Get().([]byte)
	defer blocks.Put(block) //nolint
	return io.CopyBuffer(struct{ io.Writer }{b.ResponseWriter}, struct{ io.Reader }{from}, block)
}

func (g *registry) blob(w http.ResponseWriter, r *http.Request, name, digest string) {
	blob := g.store.get(digest)
	if blob == nil || !g.hasBlob(name, digest) {
		refuse(w, http.StatusNotFound, "BLOB_UNKNOWN")
		return
	}
	w.Header().Set("Docker-Content-Digest", digest)
	switch r.Method {
	case http.MethodHead:
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.FormatInt(blob.size, 10))
	case http.MethodGet:
		until := url.QueryEscape(time.Now().Add(20 * time.Minute).UTC().Format(time.RFC3339))
		w.Header().Set("Location", fmt.Sprintf("https://%s/store/%s?se=%s&sig=%s&sp=r&spr=https&sr=b&sv=2018-03-28",
			g.storage, digest, until, newID()))
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusTemporaryRedirect)
		io.WriteString(w, "<a href=\"\">Temporary Redirect</a>.\n\n")
	default:
		refuse(w, http.StatusMethodNotAllowed, "UNSUPPORTED")
	}
}

// upload is a session: what came, and how often, since each answer has another address.
type upload struct {
	name, id string
	mu       sync.Mutex
	blob     content
}

// where tells the client how to go on.
func (u *upload) where(w http.ResponseWriter) {
	state := fmt.Sprintf(`%032d{"Name":"%s","UUID":"%s","Offset":%d,"StartedAt":"2026-01-02T03:04:05Z"}`,
		u.blob.size, u.name, u.id, u.blob.size)
	w.Header().Set("Location", fmt.Sprintf("/v2/%s/blobs/uploads/%s?_nouploadcache=false&_state=%s",
		u.name, u.id, url.QueryEscape(base64.URLEncoding.EncodeToString([]byte(state)))))
	w.Header().Set("Docker-Upload-Uuid", u.id)
	w.Header().Set("Range", fmt.Sprintf("0-%d", max(0, u.blob.size-1)))
}

// isNewest says whether a request came by the newest address.
func (u *upload) isNewest(r *http.Request) bool {
	state, err := base64.URLEncoding.DecodeString(r.URL.Query().Get("_state"))
	if err != nil || len(state) < 32 {
		return false
	}
	at, err := strconv.ParseInt(string(state[:32]), 10, 64)
	return err == nil && at == u.blob.size
}

func (u *upload) append(r *http.Request) error {
	if r.ContentLength >= 0 {
		piece := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(r.Body, piece); err != nil {
			return err
		}
		u.add(piece)
		return nil
	}
	for {
		piece := make([]byte, 1<<20)
		count, err := io.ReadFull(r.Body, piece)
		u.add(piece[:count])
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (u *upload) add(piece []byte) {
	if len(piece) > 0 {
		u.blob.pieces = append(u.blob.pieces, piece)
		u.blob.size += int64(len(piece))
	}
}

func (g *registry) finish(w http.ResponseWriter, name, digest string) {
	g.mu.Lock()
	g.named(name).blobs[digest] = true
	g.mu.Unlock()
	w.Header().Set("Docker-Content-Digest", digest)
	w.Header().Set("Location", "/v2/"+name+"/blobs/"+digest)
	w.WriteHeader(http.StatusCreated)
}

func (g *registry) upload(w http.ResponseWriter, r *http.Request, name, id string) {
	if g.most > 0 && r.ContentLength > g.most {
		refuse(w, http.StatusRequestEntityTooLarge, "SIZE_INVALID")
		return
	}
	if r.Method == http.MethodPost {
		g.begin(w, r, name)
		return
	}
	g.mu.RLock()
	session := g.uploads[id]
	g.mu.RUnlock()
	if session == nil || session.name != name {
		refuse(w, http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN")
		return
	}
	session.mu.Lock()
	defer session.mu.Unlock()
	switch r.Method {
	case http.MethodPatch, http.MethodPut:
		g.receive(w, r, session)
	case http.MethodGet:
		session.where(w)
		w.WriteHeader(http.StatusNoContent)
	case http.MethodDelete:
		g.forget(id)
		w.WriteHeader(http.StatusNoContent)
	}
}

func (g *registry) forget(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.uploads, id)
}

func (g *registry) begin(w http.ResponseWriter, r *http.Request, name string) {
	query := r.URL.Query()
	from, mount := query.Get("from"), query.Get("mount")
	if from == "" {
		from = name
	}
	if mount != "" && g.mounts && g.hasBlob(from, mount) {
		g.finish(w, name, mount)
		return
	}
	session := &upload{name: name, id: newID()}
	if digest := query.Get("digest"); digest != "" { // all in one request
		if session.append(r) == nil {
			g.store.put(digest, &session.blob)
			g.finish(w, name, digest)
		}
		return
	}
	g.mu.Lock()
	g.uploads[session.id] = session
	g.mu.Unlock()
	session.where(w)
	w.WriteHeader(http.StatusAccepted)
}

// receive takes a part of a blob, or its end.
func (g *registry) receive(w http.ResponseWriter, r *http.Request, session *upload) {
	begins, _, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Content-Range"), "bytes "), "-")
	if !session.isNewest(r) || (begins != "" && begins != strconv.FormatInt(session.blob.size, 10)) {
		session.where(w)
		refuse(w, http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID")
		return
	}
	if session.append(r) != nil {
		return // the connection is gone, and nobody hears an answer
	}
	if r.Method == http.MethodPatch {
		session.where(w)
		w.WriteHeader(http.StatusAccepted)
		return
	}
	digest := r.URL.Query().Get("digest")
	if !strings.HasPrefix(digest, "sha256:") || len(digest) != 71 {
		refuse(w, http.StatusBadRequest, "DIGEST_INVALID")
		return
	}
	g.forget(session.id)
	blob := session.blob
	g.store.put(digest, &blob)
	g.finish(w, session.name, digest)
}
