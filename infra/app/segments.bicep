metadata description = 'What the app needs of the account with the segments: to read its containers. Deployed to that account\'s resource group.'

param accountName string
param containers array
param identityPrincipalId string

var storageBlobDataReader = '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: accountName
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' existing = {
  parent: account
  name: 'default'
}

resource segmentContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' existing = [for container in containers: {
  parent: blobs
  name: container
}]

// Lists folders and files and reads them; nothing is ever written or deleted there.
// needed-by: shared/segments/snapshot.py Blobs
// needed-by: shared/storage/account.py BlobServiceClient
resource readSegments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (container, i) in containers: {
  name: guid(account.id, container, identityPrincipalId, storageBlobDataReader)
  scope: segmentContainers[i]
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataReader)
    principalId: identityPrincipalId
    principalType: 'ServicePrincipal'
  }
}]

// The system topic must be in the account's region, which is only known once the account has been read.
output accountId string = account.id
output accountLocation string = account.location
