// Holds a log of Tracegate to foreign implementations: Go's sumdb/note and sumdb/tlog, and Tessera's fsck.
//
//	audit check DIR VKEY   checks checkpoint, tiles and entries; ends with 1 at the first thing that does not hold
//	audit sign NAME        signs a text from stdin with a new key; prints the key's public form, then the note
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	log.SetFlags(0)
	switch {
	case len(os.Args) == 4 && os.Args[1] == "check":
		check(os.Args[2], os.Args[3])
	case len(os.Args) == 3 && os.Args[1] == "sign":
		sign(os.Args[2])
	default:
		log.Fatal("usage: audit check DIR VKEY | audit sign NAME")
	}
}

func check(dir, vkey string) {
	verifier, err := note.NewVerifier(vkey)
	must(err)
	raw, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	must(err)
	opened, err := note.Open(raw, note.VerifierList(verifier))
	must(err)
	fmt.Printf("note: signed by %s\n", opened.Sigs[0].Name)
	var origin, root string
	var size int64
	_, err = fmt.Sscanf(opened.Text, "%s\n%d\n%s\n", &origin, &size, &root)
	must(err)
	proofs(dir, size, root)
	checker := fsck.New(origin, verifier, &client.FileFetcher{Root: dir}, hashes, fsck.Opts{N: 1})
	must(checker.Check(context.Background()))
	fmt.Printf("fsck: %d leaves\n", size)
}

// hashes gives the leaf hashes of an entry bundle.
func hashes(bundle []byte) ([][]byte, error) {
	var entries api.EntryBundle
	if err := entries.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	found := make([][]byte, 0, len(entries.Entries))
	for _, entry := range entries.Entries {
		found = append(found, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return found, nil
}

func sign(name string) {
	skey, vkey, err := note.GenerateKey(nil, name)
	must(err)
	signer, err := note.NewSigner(skey)
	must(err)
	text, err := io.ReadAll(os.Stdin)
	must(err)
	signed, err := note.Sign(&note.Note{Text: string(text)}, signer)
	must(err)
	fmt.Printf("%s\n%s", vkey, signed)
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
