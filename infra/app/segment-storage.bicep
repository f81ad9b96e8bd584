metadata description = 'A storage account for segments, where there is none yet, and Customer Insights\' right to write to it.'

param name string
param location string
param tags object
@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
  'Standard_GZRS'
])
param sku string
param containers array
param customerInsightsPrincipalId string
param workspaceId string
@allowed([
  'Enabled'
  'Disabled'
])
param publicNetworkAccess string

var storageBlobDataContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
var storageBlobDelegator = 'db58b8e5-c6ad-4a2a-8342-4190687cbf4a'

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  // checkov:skip=CKV_AZURE_59: closed with vnetEnabled, else open to identities alone; the check's answer to a parameter varies from call to call
  // checkov:skip=CKV_AZURE_35: closed with vnetEnabled; without a network the app has no address of its own to let in, and only identities get in
  // checkov:skip=CKV_AZURE_206: zone-redundant by default, see storageSku in main.bicep; the check does not follow a parameter
  // checkov:skip=CKV_AZURE_43: made from small letters and digits in main.bicep; the check reads the parameter's name
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: sku
  }
  properties: {
    accessTier: 'Hot'
    isHnsEnabled: true // Customer Insights writes to Data Lake Storage Gen2
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false // Customer Insights connects as its service principal, not with an account key
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: publicNetworkAccess
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: publicNetworkAccess == 'Disabled' ? 'Deny' : 'Allow'
      ipRules: []
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' = {
  // checkov:skip=CKV2_AZURE_38: Customer Insights' exports fail where soft delete is on, see deleteRetentionPolicy
  parent: account
  name: 'default'
  properties: {
    // Customer Insights' exports fail where blobs are soft-deleted. Its next refresh writes all of a segment again.
    // https://learn.microsoft.com/dynamics365/customer-insights/data/export-azure-blob-storage
    deleteRetentionPolicy: {
      enabled: false
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 7
    }
  }
}

resource blobContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = [for container in containers: {
  parent: blobs
  name: container
  properties: {
    publicAccess: 'None'
  }
}]

// Customer Insights writes segments as the service principal "Dynamics 365 AI for Customer Insights". Its page asks
// for these two where the principal shall reach one container and not the whole account.
// needed-by: https://learn.microsoft.com/dynamics365/customer-insights/data/connect-service-principal
resource writeSegments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (container, i) in (empty(customerInsightsPrincipalId) ? [] : containers): {
  name: guid(account.id, container, customerInsightsPrincipalId, storageBlobDataContributor)
  scope: blobContainers[i]
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataContributor)
    principalId: customerInsightsPrincipalId
    principalType: 'ServicePrincipal'
  }
}]

// needed-by: https://learn.microsoft.com/dynamics365/customer-insights/data/connect-service-principal
resource delegateSegments 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(customerInsightsPrincipalId)) {
  name: guid(account.id, customerInsightsPrincipalId, storageBlobDelegator)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDelegator)
    principalId: customerInsightsPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource blobAudit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: blobs
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'StorageDelete'
        enabled: true
      }
    ]
  }
}
