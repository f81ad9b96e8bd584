metadata description = 'The events of the account with the segments. An account has one system topic at most, in its own region and here in its own resource group.'

param name string
param location string
param tags object
param accountId string

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: name
  location: location
  tags: tags
  properties: {
    source: accountId
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}
