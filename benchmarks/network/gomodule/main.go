// What the Go module azcontainerregistry does of the jobs:
//
//	gomodule first|tags|blob HOST REPOSITORY [DIGEST FILE]
package main

import (
	"context"
	"io"
	"log"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"
)

type credential struct{}

// GetToken gives a token of Entra, as the registry of the benchmarks takes it. It costs nothing.
func (credential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "a token of Entra", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	job, endpoint, repository := os.Args[1], "https://"+os.Args[2], os.Args[3]
	ctx := context.Background()
	if job == "blob" {
		download(ctx, endpoint, repository, os.Args[4], os.Args[5])
		return
	}
	client, err := azcontainerregistry.NewClient(endpoint, credential{}, nil)
	check(err)
	if job == "first" {
		_, err := client.GetTagProperties(ctx, repository, "v1", nil)
		check(err)
		return
	}
	count := 0
	for pager := client.NewListTagsPager(repository, nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		check(err)
		count += len(page.Tags)
	}
	log.Print(count)
}

func download(ctx context.Context, endpoint, repository, digest, path string) {
	client, err := azcontainerregistry.NewBlobClient(endpoint, credential{}, nil)
	check(err)
	answer, err := client.GetBlob(ctx, repository, digest, nil)
	check(err)
	reader, err := azcontainerregistry.NewDigestValidationReader(digest, answer.BlobData)
	check(err)
	file, err := os.Create(path)
	check(err)
	_, err = io.Copy(file, reader)
	check(err)
	check(file.Close())
}
