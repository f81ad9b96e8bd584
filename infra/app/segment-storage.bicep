metadata description = 'A storage account for segments, where there is none yet.'

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
param workspaceId string
param isPrivate bool
@allowed([
  'Enabled'
  'Disabled'
])
param publicNetworkAccess string
param allowedIpAddress string

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
    allowSharedKeyAccess: false // Customer Insights connects by its service principal, not by account key
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: publicNetworkAccess
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isPrivate ? 'Deny' : 'Allow'
      ipRules: empty(allowedIpAddress) ? [] : [
        {
          action: 'Allow'
          value: allowedIpAddress
        }
      ]
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: {
      enabled: true
      days: 7
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
